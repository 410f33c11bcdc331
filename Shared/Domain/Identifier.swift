import Glibc
import Observability

/// The ids that events, sessions, personas and tenants go by: 1–128 characters out of `A-Z a-z 0-9 . _ : -`.
package enum Identifier {
    /// The tenant that an event without one belongs to; exists from the first start.
    package static let defaultTenant = "default"

    /// The most characters an id may have.
    package static let charactersMax = 128

    /// Whether `text` may be used as an id.
    package static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...charactersMax).contains(bytes.count) else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// A new UUID of version 7 (RFC 9562 §5.7): 48 bits of Unix time in milliseconds, then random bits, so that ids
    /// made later sort later and new rows land at the end of an index.
    package static func make() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let milliseconds = UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
        var generator = PooledRandomNumberGenerator()
        return uuid7(milliseconds: milliseconds, random: (generator.next(), generator.next()))
    }

    /// A UUID of version 7 out of its parts; `random` gives 12 and 62 bits.
    static func uuid7(milliseconds: UInt64, random: (UInt64, UInt64)) -> String {
        let high = milliseconds << 16 | 0x7000 | random.0 & 0x0FFF
        let low = 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF
        return String(unsafeUninitializedCapacity: 36) { text in
            var at = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    text[at] = UInt8(ascii: "-")
                    at += 1
                }
                let half = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - digit % 16 * 4)) & 15
                text[at] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
                at += 1
            }
            return at
        }
    }
}
