//! Where a signal's bits lie in a payload: Intel (little endian) and Motorola (big endian) order.

/// Bit order of a signal in the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Little endian: the start bit is the least significant one.
    Intel,
    /// Big endian: the start bit is the most significant one.
    Motorola,
}

/// The bits one signal occupies, proven at load to lie inside its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BitField {
    start: usize,
    length: u32,
    order: ByteOrder,
}

impl BitField {
    /// `start` as written in the DBC, `length` in bits, `payload` in bytes.
    /// None when the field is empty, longer than 64 bits, or leaves the payload.
    pub(super) fn new(start: u64, length: u64, order: ByteOrder, payload: usize) -> Option<Self> {
        let length = u32::try_from(length)
            .ok()
            .filter(|bits| (1..=64).contains(bits))?;
        let start = usize::try_from(start).ok()?;
        let bits = payload.checked_mul(8)?;
        let last = match order {
            ByteOrder::Intel => start,
            ByteOrder::Motorola => sequential(start),
        }
        .checked_add(length as usize)?;
        (last <= bits).then_some(Self {
            start,
            length,
            order,
        })
    }

    /// Number of bits, 1 to 64.
    pub(super) fn length(self) -> u32 {
        self.length
    }

    /// Start bit as written in the DBC.
    pub(super) fn start(self) -> usize {
        self.start
    }

    /// The field's bits, least significant bit of the signal first in the result.
    /// Bits beyond the end of `payload` read as zero.
    pub(super) fn read(self, payload: &[u8]) -> u64 {
        self.positions()
            .enumerate()
            .fold(0, |value, (weight, (byte, bit))| {
                let set = payload.get(byte).is_some_and(|byte| byte >> bit & 1 == 1);
                value | u64::from(set) << weight
            })
    }

    /// Writes the low bits of `value` into the field and leaves every other bit alone.
    pub(super) fn write(self, payload: &mut [u8], value: u64) {
        for (weight, (byte, bit)) in self.positions().enumerate() {
            if let Some(byte) = payload.get_mut(byte) {
                let mask = 1 << bit;
                if value >> weight & 1 == 1 {
                    *byte |= mask;
                } else {
                    *byte &= !mask;
                }
            }
        }
    }

    /// Whether it has exactly the bits of a field that begins with byte `byte`, in its low bits
    /// where it is less than a byte. Up to one byte the order makes no difference.
    pub(super) fn lies_at(self, byte: usize, bits: u64, order: ByteOrder) -> bool {
        let start = match order {
            ByteOrder::Intel => byte * 8,
            ByteOrder::Motorola => byte * 8 + (bits as usize).clamp(1, 8) - 1,
        };
        Self::new(start as u64, bits, order, 64)
            .is_some_and(|wanted| wanted.positions().eq(self.positions()))
    }

    /// (byte, bit in byte) of each bit, from the least significant to the most significant.
    fn positions(self) -> impl Iterator<Item = (usize, usize)> {
        let length = self.length as usize;
        (0..length).map(move |weight| match self.order {
            ByteOrder::Intel => ((self.start + weight) / 8, (self.start + weight) % 8),
            ByteOrder::Motorola => {
                let place = sequential(self.start) + length - 1 - weight;
                (place / 8, 7 - place % 8)
            }
        })
    }
}

/// A DBC bit number counted the way Motorola signals run: bit 7 of byte 0 is 0, bit 0 is 7,
/// bit 7 of byte 1 is 8.
fn sequential(bit: usize) -> usize {
    bit / 8 * 8 + (7 - bit % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_motorola_field_crosses_bytes_downwards() {
        // 10 bits from bit 1 of byte 0: two bits of byte 0, all eight of byte 1.
        let field = BitField::new(1, 10, ByteOrder::Motorola, 2).unwrap();
        let mut payload = [0u8; 2];
        field.write(&mut payload, 0x2A5);
        assert_eq!(payload, [0x02, 0xA5]);
        assert_eq!(field.read(&payload), 0x2A5);
    }

    #[test]
    fn a_field_that_leaves_the_payload_is_refused() {
        assert!(BitField::new(60, 5, ByteOrder::Intel, 8).is_none());
        assert!(BitField::new(56, 2, ByteOrder::Motorola, 8).is_none());
        assert!(BitField::new(0, 65, ByteOrder::Intel, 64).is_none());
        assert!(BitField::new(0, 0, ByteOrder::Intel, 8).is_none());
    }
}
