//! What the demo plays, and how it is shown.

mod programme;
mod screen;
mod width;

pub use programme::{Act, programme};
pub use screen::Screen;
