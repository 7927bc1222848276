//! The words all rooms share: commands, values, units, zones, and the loader of intent packs.
