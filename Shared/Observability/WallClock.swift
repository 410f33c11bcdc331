import Glibc

/// A moment of the wall clock in UTC, to the microsecond.
package struct WallClock: Sendable, Equatable {
    /// Seconds since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// Microseconds within the second, 0–999,999.
    package let microseconds: Int64

    /// Makes a moment.
    package init(seconds: Int64, microseconds: Int64) {
        self.seconds = seconds
        self.microseconds = microseconds
    }

    /// The moment it is now.
    package static func now() -> WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(seconds: Int64(time.tv_sec), microseconds: Int64(time.tv_nsec) / 1000)
    }

    /// The moment as `2026-01-02T03:04:05.678901Z`.
    package var iso8601: String {
        var bytes: [UInt8] = []
        appendISO8601(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends ``iso8601``.
    func appendISO8601(to bytes: inout [UInt8]) {
        let (date, second) = CivilDate.atSeconds(seconds)
        Self.append(date.year, width: 4, then: "-", to: &bytes)
        Self.append(date.month, width: 2, then: "-", to: &bytes)
        Self.append(date.day, width: 2, then: "T", to: &bytes)
        Self.append(second / 3600, width: 2, then: ":", to: &bytes)
        Self.append(second / 60 % 60, width: 2, then: ":", to: &bytes)
        Self.append(second % 60, width: 2, then: ".", to: &bytes)
        Self.append(microseconds, width: 6, then: "Z", to: &bytes)
    }

    private static func append(_ number: Int64, width: Int, then end: Unicode.Scalar, to bytes: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<width {
            divisor *= 10
        }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        bytes.append(UInt8(ascii: end))
    }
}
