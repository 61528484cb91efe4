"""Bytes, bits and refusals of the second decoder."""

from dataclasses import dataclass


class Refused(Exception):
    """No image; the subclass says which kind of rule was broken."""


ERRORS = (
    "NotApercu UnsupportedVersion UnknownModel UnknownChunk ModelError TooLarge Truncated ChecksumError CorruptStream"
)
(
    NotApercu,
    UnsupportedVersion,
    UnknownModel,
    UnknownChunk,
    ModelError,
    TooLarge,
    Truncated,
    ChecksumError,
    CorruptStream,
) = (type(name, (Refused,), {}) for name in ERRORS.split())


# --- Bytes and bits -------------------------------------------------------------------------------
@dataclass
class Bytes:
    data: bytes
    at: int = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n > self.left():
            raise Truncated("the file ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def varint(self, least, most):
        value, shift, byte = 0, 0, 128
        while byte >= 128:
            byte = self.number(1)
            value |= (byte & 127) << shift
            if value > most or (byte == 0 and shift > 0) or (byte < 128 and value < least):
                raise CorruptStream("a varint out of range, or longer than it need be")
            shift += 7
        return value


@dataclass
class Bits:
    data: bytes
    at: int = 0

    def bit(self):
        if self.at == 8 * len(self.data):
            raise Truncated("a segment ends early")
        self.at += 1
        return self.data[(self.at - 1) >> 3] >> (-self.at & 7) & 1

    def take(self, n):
        value = 0
        for _ in range(n):
            value = 2 * value + self.bit()
        return value

    def exp_golomb(self, k):
        zeros = 0
        while self.bit() == 0:
            zeros += 1
            if zeros > 20:
                raise CorruptStream("an Exp-Golomb code has more than 20 zeros")
        return 2 ** (zeros + k) + self.take(zeros + k) - 2**k

    def end(self):
        n_left = 8 * len(self.data) - self.at
        if n_left > 7 or self.take(n_left):
            raise CorruptStream("a segment is not at its end")
