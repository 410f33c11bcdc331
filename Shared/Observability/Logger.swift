/// How much a log line matters.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// Every step; only for chasing one fault.
    case trace
    /// What a developer wants to see.
    case debug
    /// What an operator wants to see of normal work.
    case info
    /// Something is wrong, and the program goes on without loss.
    case warning
    /// Something failed.
    case error
    /// The process cannot go on.
    case critical

    /// The level's name in lines and in configuration.
    package var name: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        case .critical: "critical"
        }
    }

    /// The level with this name, or nil when there is none.
    package init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    /// Orders by weight.
    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Writes structured log lines: one JSON object a line, with a constant message and data only in metadata fields.
///
/// Messages are `StaticString`s, so that no data can be put into one; what varies goes into fields named by ``LogKey``.
/// The trace of the current task (``TraceContext/current``), or one bound with ``with(trace:)``, is in each line.
/// A line is at most ``lineBytesMax`` long and leaves in one write.
package struct Logger: Sendable {
    /// The longest value of a field in bytes; what is longer is cut and ends in "…".
    package static let valueBytesMax = 1024
    /// The longest line in bytes, its newline included: a pipe takes this much in one piece (`PIPE_BUF`).
    ///
    /// Fields that do not fit are left out and the line says `"truncated":true`.
    package static let lineBytesMax = 4096

    /// The name of the service that logs.
    package let service: String
    /// Lines below this level are not written, nor are their fields computed.
    package let level: LogLevel
    /// Fields that stand in each line of this logger.
    package private(set) var metadata: LogMetadata = [:]
    /// The trace that stands in each line, when it is not the current task's.
    package private(set) var trace: TraceContext?

    private let sink: any LogSink

    /// Makes a logger that writes lines of `level` and above to `sink`, by default standard error.
    package init(service: String, level: LogLevel = .info, sink: any LogSink = FileDescriptorSink.standardError) {
        self.service = service
        self.level = level
        self.sink = sink
    }

    /// A logger that writes nothing.
    package static let disabled = Logger(service: "", level: .critical, sink: NullSink())

    /// This logger with these fields in each line, over its own.
    package func with(_ metadata: LogMetadata) -> Logger {
        var logger = self
        logger.metadata = self.metadata.merging(metadata)
        return logger
    }

    /// This logger with this trace in each line, whatever the current task's is.
    package func with(trace: TraceContext?) -> Logger {
        var logger = self
        logger.trace = trace
        return logger
    }

    /// Writes a line; `metadata` is only computed when the level is on.
    package func log(_ level: LogLevel, _ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        guard level >= self.level else { return }
        let fields = self.metadata.merging(metadata())
        var line = LogLine(capacity: 512)
        line.begin(level: level, service: service, message: message, at: WallClock.now())
        if let trace = trace ?? TraceContext.current {
            line.append(trace: trace)
        }
        for field in fields.fields {
            line.append(field)
        }
        sink.write(line.finish())
    }

    /// Writes a line at level trace.
    package func trace(_ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        log(.trace, message, metadata())
    }

    /// Writes a line at level debug.
    package func debug(_ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        log(.debug, message, metadata())
    }

    /// Writes a line at level info.
    package func info(_ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        log(.info, message, metadata())
    }

    /// Writes a line at level warning.
    package func warning(_ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        log(.warning, message, metadata())
    }

    /// Writes a line at level error.
    package func error(_ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        log(.error, message, metadata())
    }

    /// Writes a line at level critical.
    package func critical(_ message: StaticString, _ metadata: @autoclosure () -> LogMetadata = [:]) {
        log(.critical, message, metadata())
    }
}
