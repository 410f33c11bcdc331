package import JSON
import Observability

#if canImport(Glibc)
import Glibc
#endif

/// A moment as the system clock gives it: since 1970-01-01T00:00:00Z, without leap seconds.
package struct WallTime: Sendable, Equatable {
    /// Whole seconds.
    package let seconds: Int64
    /// The rest, 0...999,999,999.
    package let nanoseconds: Int64

    /// Makes a moment.
    package init(seconds: Int64, nanoseconds: Int64 = 0) {
        precondition((0..<1_000_000_000).contains(nanoseconds), "nanoseconds must be below a second")
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// The system's clock.
    package static var now: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}

/// Tells the time, in a time zone if one is named.
package struct TimestampTool: Tool {
    /// What the tool relies on.
    package struct Configuration: Sendable {
        /// The clock.
        package var now: @Sendable () -> WallTime
        /// The folder of the system's time zone data (tzdata).
        package var zoneFolder: String

        /// Makes a configuration; by default the system's clock and its tzdata.
        package init(
            now: @escaping @Sendable () -> WallTime = { WallTime.now },
            zoneFolder: String = "/usr/share/zoneinfo"
        ) {
            self.now = now
            self.zoneFolder = zoneFolder
        }
    }

    private let configuration: Configuration

    /// Makes the tool.
    package init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// `timestamp` takes `timezone` and `format`, both optional.
    package var definition: ToolDefinition {
        ToolDefinition(
            name: "timestamp",
            description: "Returns the current date and time.",
            parameters: [
                "type": "object",
                "properties": [
                    "timezone": [
                        "type": "string", "minLength": 1, "maxLength": 64,
                        "description": "IANA name such as Europe/Berlin, or an offset such as +02:00. Default UTC.",
                    ],
                    "format": [
                        "enum": ["iso8601", "unix"],
                        "description":
                            "How timestamp is written: RFC 3339 text, or seconds since 1970. Default iso8601.",
                    ],
                ],
                "additionalProperties": false,
            ],
            // Asking twice gives two answers, but does no harm.
            idempotent: true,
            timeout: .seconds(5),
            resultBytesMax: 4 * 1024
        )
    }

    /// Returns `{"timestamp": text, "unix": seconds, "timezone": name}`.
    package func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue {
        let now = configuration.now()
        let name = arguments["timezone"]?.stringValue ?? "UTC"
        guard let zone = TimeZoneRules(name: name, folder: configuration.zoneFolder) else {
            throw ToolError(.failed, "unknown time zone: give an IANA name such as Europe/Berlin, or +02:00")
        }
        let isUnix = arguments["format"]?.stringValue == "unix"
        let text = isUnix ? String(now.seconds) : CivilTime.text(now, offset: zone.offset(at: now.seconds))
        return ["timestamp": .string(text), "unix": .number(.integer(now.seconds)), "timezone": .string(name)]
    }
}

/// Times as the tool writes them.
enum CivilTime {
    /// RFC 3339 with milliseconds, such as `2026-01-31T10:00:00.000+01:00`.
    static func text(_ time: WallTime, offset: Int64) -> String {
        let local = time.seconds + offset
        let (day, second) = CivilDate.atSeconds(local)
        let date = "\(padded(day.year, 4))-\(padded(day.month, 2))-\(padded(day.day, 2))"
        let clock = "\(padded(second / 3_600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
        let text = date + "T" + clock + "." + padded(time.nanoseconds / 1_000_000, 3)
        guard offset != 0 else { return text + "Z" }
        // RFC 3339 knows no seconds in an offset; only local mean times before 1972 have them.
        let minutes = abs(offset) / 60
        return text + (offset < 0 ? "-" : "+") + padded(minutes / 60, 2) + ":" + padded(minutes % 60, 2)
    }

    private static func padded(_ value: Int64, _ count: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }
}
