"""What Python cantools makes of random payloads and values of a DBC file: one JSON object a line.

usage: cantools_reference.py FILE.dbc SEED ROUNDS
"""

import json
import random
import sys

import cantools


def values(message, data):
    """(physical, raw) of every signal that `data` carries."""
    physical = message.decode(data, decode_choices=False)
    raw = message.decode(data, decode_choices=False, scaling=False)
    return physical, raw


def text(value):
    """Integers exactly; repr of a float reads back as the same float."""
    return str(value) if isinstance(value, int) else repr(float(value))


def main():
    path, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random.seed(seed)
    database = cantools.database.load_file(path)
    for message in database.messages:
        for signal in message.signals:
            # "no range" is written [0|0]; cantools takes the spelling [0.0|0.0] for a range.
            if signal.minimum == 0 and signal.maximum == 0:
                signal.minimum = signal.maximum = None
        if message.name == "VECTOR__INDEPENDENT_SIG_MSG":
            continue
        selectors = [s for s in message.signals if s.is_multiplexer]
        pages = [(s, page) for s in message.signals for page in (s.multiplexer_ids or [])]
        # Every page of a multiplexed message is visited, and each at least once more than asked.
        for turn in range(rounds + 2 * len(pages)):
            data = bytearray(random.randbytes(message.length))
            if selectors and pages and turn >= rounds:
                signal, page = pages[(turn - rounds) % len(pages)]
                selector = next(s for s in selectors if s.name == signal.multiplexer_signal)
                if not place(message, data, selector, page):
                    continue
            try:
                physical, raw = values(message, bytes(data))
            except Exception:
                # A selector value that no page has: cantools refuses, we show what is there.
                continue
            line = {
                "id": message.frame_id,
                "extended": message.is_extended_frame,
                "data": data.hex(),
                "physical": {name: text(value) for name, value in physical.items()},
                "raw": {name: text(value) for name, value in raw.items()},
            }
            wanted = {}
            for name, value in physical.items():
                signal = message.get_signal_by_name(name)
                if not signal.is_multiplexer:
                    value = between(signal, value)
                wanted[name] = value
            # cantools lets a named value (such as "not available") past its range check; our
            # codec takes such values by name only, so these must be refused by us.
            line["named_outside"] = any(
                outside(message.get_signal_by_name(name), value) for name, value in wanted.items()
            )
            try:
                encoded = message.encode(wanted, strict=True)
                line["encoded"] = encoded.hex()
            except Exception:
                line["encoded"] = None
            line["wanted"] = {name: text(value) for name, value in wanted.items()}
            print(json.dumps(line))


def between(signal, value):
    """A value off the raw grid, sometimes out of range, never near the tie between two steps."""
    if signal.is_float or signal.length > 50:
        return value
    choice = random.random()
    if choice < 0.05 and signal.maximum is not None:
        return signal.maximum + 3 * abs(signal.scale)
    low, high = signal.minimum, signal.maximum
    inside = low is not None and high is not None and low < high
    if choice < 0.6 and inside:
        raw = round((random.uniform(low, high) - signal.offset) / signal.scale)
        value = raw * signal.scale + signal.offset
    return value + signal.scale * random.uniform(-0.4, 0.4)


def outside(signal, value):
    """Whether a value that has a name lies outside the stated range."""
    slack = abs(signal.scale) * 1e-6
    low = signal.minimum is not None and value < signal.minimum - slack
    high = signal.maximum is not None and value > signal.maximum + slack
    return bool(signal.choices) and (low or high)


def place(message, data, selector, page):
    """Writes a selector by trying bits: cantools has no setter for one signal."""
    for number in range(len(data) * 8):
        probe = bytearray(len(data))
        probe[number // 8] = 1 << number % 8
        weight = read(message, probe, selector)
        if weight:
            if page & weight:
                data[number // 8] |= 1 << number % 8
            else:
                data[number // 8] &= ~(1 << number % 8) & 0xFF
    return read(message, data, selector) == page


def read(message, data, selector):
    start, length = selector.start, selector.length
    number = 0
    for weight in range(length):
        if selector.byte_order == "little_endian":
            bit = start + weight
            byte, shift = bit // 8, bit % 8
        else:
            bit = start // 8 * 8 + 7 - start % 8 + length - 1 - weight
            byte, shift = bit // 8, 7 - bit % 8
        number |= (data[byte] >> shift & 1) << weight
    return number


if __name__ == "__main__":
    main()
