//! A frame on the bus: classic CAN, or CAN FD with up to 64 bytes.

use std::fmt;

use crate::Error;

/// An identifier, 11 bit (standard) or 29 bit (extended).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CanId {
    /// 11 bits.
    Standard(StandardId),
    /// 29 bits.
    Extended(ExtendedId),
}

/// 11-bit identifier; only [`CanId::standard`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StandardId(u16);

/// 29-bit identifier; only [`CanId::extended`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtendedId(u32);

impl CanId {
    /// A standard identifier; None above 0x7FF.
    pub const fn standard(id: u16) -> Option<Self> {
        if id > 0x7FF {
            return None;
        }
        Some(Self::Standard(StandardId(id)))
    }

    /// An extended identifier; None above 0x1FFF_FFFF.
    pub const fn extended(id: u32) -> Option<Self> {
        if id > 0x1FFF_FFFF {
            return None;
        }
        Some(Self::Extended(ExtendedId(id)))
    }

    /// The number without the extended flag.
    pub const fn raw(self) -> u32 {
        match self {
            Self::Standard(StandardId(id)) => id as u32,
            Self::Extended(ExtendedId(id)) => id,
        }
    }

    /// Whether it has 29 bits.
    pub const fn is_extended(self) -> bool {
        matches!(self, Self::Extended(_))
    }
}

impl fmt::Display for CanId {
    /// As can-utils print it: 3 hex digits, or 8 when extended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(StandardId(id)) => write!(f, "{id:03X}"),
            Self::Extended(ExtendedId(id)) => write!(f, "{id:08X}"),
        }
    }
}

/// A data frame. Up to 8 bytes it is classic CAN, above it is CAN FD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanFrame {
    id: CanId,
    payload: Vec<u8>,
}

impl CanFrame {
    /// `payload`: 0 to 8 bytes, or one of CAN FD's lengths 12, 16, 20, 24, 32, 48, 64.
    ///
    /// # Errors
    /// [`Error::PayloadLength`] for any other length.
    pub fn new(id: CanId, payload: &[u8]) -> Result<Self, Error> {
        match payload.len() {
            0..=8 | 12 | 16 | 20 | 24 | 32 | 48 | 64 => Ok(Self {
                id,
                payload: payload.to_vec(),
            }),
            length => Err(Error::PayloadLength { id, length }),
        }
    }

    /// Identifier.
    pub fn id(&self) -> CanId {
        self.id
    }

    /// Data bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether it needs CAN FD.
    pub fn is_fd(&self) -> bool {
        self.payload.len() > 8
    }
}

impl fmt::Display for CanFrame {
    /// As `cansend` takes it: `321#00102B40`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#", self.id)?;
        self.payload
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
