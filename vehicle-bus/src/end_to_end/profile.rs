//! The profiles: where counter and checksum lie in a message, and what the checksum covers.

use std::{fmt, str::FromStr, sync::Arc};

use autosar_e2e::{
    E2EProfile, E2EStatus,
    profile4::{Profile4, Profile4Config},
    profile5::{Profile5, Profile5Config},
    profile6::{Profile6, Profile6Config},
    profile7::{Profile7, Profile7Config},
    profile8::{Profile8, Profile8Config},
    profile11::{Profile11, Profile11Config, Profile11IdMode},
    profile22::{Profile22, Profile22Config},
};

use super::receiver::{Fault, Receiver, Rules};
use crate::dbc::{ByteOrder, Message, Raw, Signal};

/// Profiles by their AUTOSAR numbers.
///
/// 1 and 2 are what classic CAN uses. 11 and 22 put the same bytes on the bus, so one name stands
/// for both. Variants 1A and 11A take the whole data id into the checksum; 1C and 11C send its
/// third nibble beside the counter. Variant 1B and the alternating mode are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// 1A, 11A: checksum of 8 bits, counter of 4, data id of 16.
    P11A,
    /// 1C, 11C: checksum of 8 bits, counter of 4, data id of 12.
    P11C,
    /// 2, 22: checksum of 8 bits, counter of 4, sixteen data ids of 8.
    P22,
    /// 4: checksum of 32 bits, counter of 16, data id of 32.
    P4,
    /// 5, the one for CAN FD: checksum of 16 bits, counter of 8, data id of 16.
    P5,
    /// 6: as 5, with the length.
    P6,
    /// 7: checksum of 64 bits, counter and data id of 32.
    P7,
    /// 8: checksum, counter and data id of 32 bits.
    P8,
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "1A" | "11A" => Self::P11A,
            "1C" | "11C" => Self::P11C,
            "2" | "22" => Self::P22,
            "4" => Self::P4,
            "5" => Self::P5,
            "6" => Self::P6,
            "7" => Self::P7,
            "8" => Self::P8,
            _ => {
                return Err(format!(
                    "profile \"{name}\" is none of 1A, 1C, 2, 4, 5, 6, 7, 8, 11A, 11C, 22"
                ));
            }
        })
    }
}

/// Where a profile puts things, in bytes from the beginning of its header.
struct Layout {
    crc: (usize, u64),
    counter: (usize, u64),
    order: ByteOrder,
    header: usize,
    /// Counters run from 0 to this, then from 0 again.
    last_counter: u64,
    data_id_bits: u32,
}

impl Profile {
    fn layout(self) -> Layout {
        use ByteOrder::{Intel, Motorola};
        let layout = |crc, counter, order, header, last_counter, data_id_bits| Layout {
            crc,
            counter,
            order,
            header,
            last_counter,
            data_id_bits,
        };
        let word = u64::from(u32::MAX);
        match self {
            Self::P11A => layout((0, 8), (1, 4), Intel, 2, 14, 16),
            Self::P11C => layout((0, 8), (1, 4), Intel, 2, 14, 12),
            Self::P22 => layout((0, 8), (1, 4), Intel, 2, 15, 8),
            Self::P4 => layout((8, 32), (2, 16), Motorola, 12, 0xFFFF, 32),
            Self::P5 => layout((0, 16), (2, 8), Intel, 3, 0xFF, 16),
            Self::P6 => layout((0, 16), (4, 8), Motorola, 5, 0xFF, 16),
            Self::P7 => layout((0, 64), (12, 32), Motorola, 20, word, 32),
            Self::P8 => layout((0, 32), (8, 32), Motorola, 16, word, 32),
        }
    }
}

/// What tells a message from every other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataId {
    /// One number; its width depends on the profile.
    One(u32),
    /// Sixteen bytes, one for each counter value (profiles 2 and 22).
    Sixteen([u8; 16]),
}

/// Why a message cannot be protected as asked: a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced(pub String);

/// The protection of one message, proven to fit it.
#[derive(Debug, Clone)]
pub struct Protection {
    message: Arc<Message>,
    counter: Signal,
    crc: Signal,
    last_counter: u64,
    codec: Codec,
    rules: Rules,
}

impl Protection {
    /// `counter` and `crc` are the message's signals; they must lie where the profile puts them.
    ///
    /// # Errors
    /// [`Misplaced`], saying where they should lie, or which data id the profile takes.
    pub fn new(
        message: Arc<Message>,
        profile: Profile,
        data_id: &DataId,
        counter: &Signal,
        crc: &Signal,
        rules: Rules,
    ) -> Result<Self, Misplaced> {
        let layout = profile.layout();
        let size = message.size();
        let (crc_byte, crc_bits) = layout.crc;
        let header = crc
            .first_byte()
            .checked_sub(crc_byte)
            .filter(|header| header + layout.header <= size)
            .ok_or_else(|| {
                Misplaced(format!(
                    "the {} byte header of its profile does not fit the message",
                    layout.header
                ))
            })?;
        let counter_byte = header + layout.counter.0;
        for (signal, byte, bits) in [
            (crc, header + crc_byte, crc_bits),
            (counter, counter_byte, layout.counter.1),
        ] {
            if !signal.lies_at(byte, bits, layout.order) {
                return Err(Misplaced(format!(
                    "{} must be an unsigned signal of {bits} bits in byte {byte}, {:?} order, \
                     factor 1 and offset 0",
                    signal.name(),
                    layout.order
                )));
            }
        }
        let codec = Codec::new(profile, data_id, header, size, layout.data_id_bits)?;
        Ok(Self {
            message,
            counter: counter.clone(),
            crc: crc.clone(),
            last_counter: layout.last_counter,
            codec,
            rules,
        })
    }

    /// The protected message.
    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// Whether a signal of the message is its counter or its checksum.
    pub fn uses(&self, signal: &str) -> bool {
        signal == self.counter.name() || signal == self.crc.name()
    }

    /// A sender, its counter at 0.
    pub fn sender(&self) -> Sender {
        Sender {
            size: self.message.size(),
            codec: self.codec.clone(),
        }
    }

    /// A receiver that has heard nothing yet.
    pub fn receiver(&self) -> Receiver {
        Receiver::new(self.clone())
    }

    pub(super) fn rules(&self) -> Rules {
        self.rules
    }

    /// Counters run from 0 to this.
    pub(super) fn last_counter(&self) -> u64 {
        self.last_counter
    }

    /// The counter of a payload whose checksum and identity are right.
    pub(super) fn counter(&self, payload: &[u8]) -> Result<u64, Fault> {
        // What is longer than the message is padding of CAN FD, and not covered.
        let covered = payload.get(..self.message.size()).ok_or(Fault::Length)?;
        self.codec.clone().intact(covered)?;
        match self.counter.value(covered) {
            Raw::Integer(counter) => u64::try_from(counter).map_err(|_| Fault::Sequence),
            Raw::Float(_) => Err(Fault::Sequence),
        }
    }
}

/// Writes counter and checksum into payloads; every payload has the next counter.
#[derive(Debug, Clone)]
pub struct Sender {
    size: usize,
    codec: Codec,
}

impl Sender {
    /// Protects a payload of the message's size or longer; a shorter one stays as it is.
    pub fn protect(&mut self, payload: &mut [u8]) {
        if let Some(covered) = payload.get_mut(..self.size) {
            self.codec.protect(covered);
        }
    }
}

/// The crate's profiles behind one type.
#[derive(Clone)]
enum Codec {
    P4(Profile4),
    P5(Profile5),
    P6(Profile6),
    P7(Profile7),
    P8(Profile8),
    P11(Profile11),
    P22(Profile22),
}

impl Codec {
    /// `header` and `size` in bytes, within a CAN FD frame, so that no number below is too large.
    fn new(
        profile: Profile,
        data_id: &DataId,
        header: usize,
        size: usize,
        data_id_bits: u32,
    ) -> Result<Self, Misplaced> {
        let one = || match data_id {
            DataId::One(id) if data_id_bits == 32 || id >> data_id_bits == 0 => Ok(*id),
            _ => Err(Misplaced(format!(
                "its profile takes one data_id of {data_id_bits} bits"
            ))),
        };
        let (offset, length) = (8 * header as u32, 8 * size as u32);
        let made = match profile {
            Profile::P4 => Profile4::new(Profile4Config {
                data_id: one()?,
                offset: offset as u16,
                min_data_length: length as u16,
                max_data_length: length as u16,
                max_delta_counter: 1,
            })
            .map(Self::P4),
            Profile::P5 => Profile5::new(Profile5Config {
                data_id: one()? as u16,
                offset: offset as u16,
                data_length: length as u16,
                max_delta_counter: 1,
            })
            .map(Self::P5),
            Profile::P6 => Profile6::new(Profile6Config {
                data_id: one()? as u16,
                offset: offset as u16,
                min_data_length: length as u16,
                max_data_length: length as u16,
                max_delta_counter: 1,
            })
            .map(Self::P6),
            Profile::P7 => Profile7::new(Profile7Config {
                data_id: one()?,
                offset,
                min_data_length: length,
                max_data_length: length,
                max_delta_counter: 1,
            })
            .map(Self::P7),
            Profile::P8 => Profile8::new(Profile8Config {
                data_id: one()?,
                offset,
                min_data_length: length,
                max_data_length: length,
                max_delta_counter: 1,
            })
            .map(Self::P8),
            Profile::P11A | Profile::P11C => {
                let data_id = one()? as u16;
                let bits = |value: u32| {
                    u8::try_from(value)
                        .map_err(|_| Misplaced("profiles 1 and 11 protect 30 bytes at most".into()))
                };
                Profile11::new(Profile11Config {
                    counter_offset: bits(offset + 8)?,
                    crc_offset: bits(offset)?,
                    mode: match profile {
                        Profile::P11A => Profile11IdMode::Both,
                        _ => Profile11IdMode::Nibble,
                    },
                    data_id,
                    nibble_offset: bits(offset + 12)?,
                    max_delta_counter: 1,
                    data_length: bits(length)?,
                })
                .map(Self::P11)
            }
            Profile::P22 => {
                let DataId::Sixteen(data_id_list) = *data_id else {
                    return Err(Misplaced(
                        "profiles 2 and 22 take data_ids, a list of sixteen bytes".into(),
                    ));
                };
                Profile22::new(Profile22Config {
                    data_length: 8 * size,
                    data_id_list,
                    max_delta_counter: 1,
                    offset: 8 * header,
                })
                .map(Self::P22)
            }
        };
        made.map_err(|error| Misplaced(error.to_string()))
    }

    fn protect(&mut self, data: &mut [u8]) {
        // The only error is a length other than the message's, which Sender does not pass on.
        let _ = match self {
            Self::P4(profile) => profile.protect(data),
            Self::P5(profile) => profile.protect(data),
            Self::P6(profile) => profile.protect(data),
            Self::P7(profile) => profile.protect(data),
            Self::P8(profile) => profile.protect(data),
            Self::P11(profile) => profile.protect(data),
            Self::P22(profile) => profile.protect(data),
        };
    }

    /// Whether checksum, length and data id are right. What the crate thinks of the counter is
    /// not asked.
    fn intact(&mut self, data: &[u8]) -> Result<(), Fault> {
        let checked = match self {
            Self::P4(profile) => profile.check(data),
            Self::P5(profile) => profile.check(data),
            Self::P6(profile) => profile.check(data),
            Self::P7(profile) => profile.check(data),
            Self::P8(profile) => profile.check(data),
            Self::P11(profile) => profile.check(data),
            Self::P22(profile) => profile.check(data),
        };
        match checked {
            Ok(
                E2EStatus::Ok
                | E2EStatus::OkSomeLost
                | E2EStatus::Repeated
                | E2EStatus::WrongSequence,
            ) => Ok(()),
            Ok(E2EStatus::DataIdError) => Err(Fault::DataId),
            Ok(E2EStatus::DataLengthError) | Err(_) => Err(Fault::Length),
            Ok(_) => Err(Fault::Checksum),
        }
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P4(_) => "P4",
            Self::P5(_) => "P5",
            Self::P6(_) => "P6",
            Self::P7(_) => "P7",
            Self::P8(_) => "P8",
            Self::P11(_) => "P11",
            Self::P22(_) => "P22",
        })
    }
}

#[cfg(test)]
mod tests;
