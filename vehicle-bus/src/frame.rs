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

/// A data frame: classic CAN with up to 8 bytes, or CAN FD with up to 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanFrame {
    id: CanId,
    fd: bool,
    payload: Vec<u8>,
}

impl CanFrame {
    /// `payload`: 0 to 8 bytes for classic CAN, or one of CAN FD's lengths 12, 16, 20, 24, 32,
    /// 48, 64, which make it a CAN FD frame.
    ///
    /// # Errors
    /// [`Error::PayloadLength`] for any other length.
    pub fn new(id: CanId, payload: &[u8]) -> Result<Self, Error> {
        Self::made(id, payload.len() > 8, payload)
    }

    /// A CAN FD frame, also a short one: `payload` has 0 to 8 bytes, or 12, 16, 20, 24, 32, 48, 64.
    ///
    /// # Errors
    /// [`Error::PayloadLength`] for any other length.
    pub fn fd(id: CanId, payload: &[u8]) -> Result<Self, Error> {
        Self::made(id, true, payload)
    }

    fn made(id: CanId, fd: bool, payload: &[u8]) -> Result<Self, Error> {
        if padded_length(payload.len()) != Some(payload.len()) {
            let length = payload.len();
            return Err(Error::PayloadLength { id, length });
        }
        Ok(Self {
            id,
            fd,
            payload: payload.to_vec(),
        })
    }

    /// Identifier.
    pub fn id(&self) -> CanId {
        self.id
    }

    /// Data bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether it is a CAN FD frame.
    pub fn is_fd(&self) -> bool {
        self.fd
    }
}

/// The shortest length of CAN or CAN FD that holds `length` bytes; None above 64.
pub fn padded_length(length: usize) -> Option<usize> {
    match length {
        0..=8 => Some(length),
        _ => [12, 16, 20, 24, 32, 48, 64]
            .into_iter()
            .find(|longer| length <= *longer),
    }
}

impl fmt::Display for CanFrame {
    /// As `cansend` takes it: `321#00102B40`, or `321##100102B40` for CAN FD with its faster
    /// data phase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.fd { "##1" } else { "#" };
        write!(f, "{}{separator}", self.id)?;
        self.payload
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
