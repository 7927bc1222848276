//! What an error of a D-Bus call says about the peer that was asked.

use zbus::fdo;

/// Why a call has no proper answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BusError {
    /// Nobody has the name: the call reached nobody.
    Nobody,
    /// The bus or the peer does not let us ask.
    Denied,
    /// The peer or the bus vanished; whether the call took effect is unknown.
    Lost,
    /// The peer answered with an error.
    Answered,
}

impl From<&zbus::Error> for BusError {
    fn from(error: &zbus::Error) -> Self {
        match error {
            // Names of errors that fdo::Error knows never come as MethodError.
            zbus::Error::MethodError(..) => Self::Answered,
            zbus::Error::FDO(error) => match **error {
                fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => Self::Nobody,
                fdo::Error::AccessDenied(_) => Self::Denied,
                fdo::Error::NoReply(_)
                | fdo::Error::Disconnected(_)
                | fdo::Error::IOError(_)
                | fdo::Error::ZBus(_) => Self::Lost,
                _ => Self::Answered,
            },
            _ => Self::Lost,
        }
    }
}
