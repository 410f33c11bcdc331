/// A sequence of statements with their parameters in the form in which libpq takes them, made on the caller's thread
/// so that the loop only copies.
struct EncodedPipeline: Sendable {
    /// One parameter: where its bytes lie.
    struct Slot: Sendable, Equatable {
        /// Offset in `bytes`; -1 for NULL.
        let offset: Int
        /// Bytes without the terminating NUL.
        let length: Int32
        /// Sent in the binary format (`bytea`, `text[]`) rather than as text.
        let isBinary: Bool
    }

    /// One statement and its range of slots.
    struct Command: Sendable {
        /// What to run.
        let statement: PostgresStatement
        /// Its parameters, in `slots`.
        let slots: Range<Int>
        /// Whether the caller gets the result (the settings before a batch are nobody's business).
        let isReported: Bool
    }

    /// Most parameters a statement can have: the protocol counts them in 16 bits.
    static let parametersMax = 65_535

    private(set) var commands: [Command] = []
    private(set) var slots: [Slot] = []
    private(set) var bytes: [UInt8] = []

    /// How many results the caller gets.
    var reportedCount: Int { commands.reduce(0) { $0 + ($1.isReported ? 1 : 0) } }

    /// Adds a statement.
    /// - Parameters:
    ///   - statement: What to run.
    ///   - parameters: Values of `$1`…
    ///   - isReported: Whether the caller gets the result.
    /// - Throws: `PostgresError` with code `invalidParameter` for a NUL byte or too many parameters.
    mutating func append(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter],
        isReported: Bool = true
    ) throws(PostgresError) {
        guard parameters.count <= Self.parametersMax else {
            throw PostgresError(
                .invalidParameter,
                "\(parameters.count) parameters, at most \(Self.parametersMax) are allowed: send an array instead"
            )
        }
        guard !statement.sql.utf8.contains(0) else {
            throw PostgresError(.invalidParameter, "the statement contains a NUL byte: remove it")
        }
        let first = slots.count
        for (index, parameter) in parameters.enumerated() {
            try append(parameter, number: index + 1)
        }
        commands.append(Command(statement: statement, slots: first..<slots.count, isReported: isReported))
    }

    private mutating func append(_ parameter: PostgresParameter, number: Int) throws(PostgresError) {
        let start = bytes.count
        switch parameter {
        case .null:
            slots.append(Slot(offset: -1, length: 0, isBinary: false))
            return
        case .bytes(let value):
            bytes.append(contentsOf: value)
            appendSlot(from: start, isBinary: true)
            return
        case .textArray(let values):
            guard PostgresBinaryArray.append(values, to: &bytes) else { throw Self.containsNUL(number) }
            appendSlot(from: start, isBinary: true)
            return
        case .text(let value): bytes.append(contentsOf: value.utf8)
        case .json(let value): bytes.append(contentsOf: value)
        case .int(let value): appendDecimal(value)
        case .double(let value): bytes.append(contentsOf: Self.text(of: value).utf8)
        case .bool(let value): bytes.append(value ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .intArray(let values): PostgresArrayLiteral.append(values, to: &bytes)
        }
        guard !bytes[start...].contains(0) else { throw Self.containsNUL(number) }
        appendSlot(from: start, isBinary: false)
    }

    private mutating func appendSlot(from start: Int, isBinary: Bool) {
        slots.append(Slot(offset: start, length: Int32(clamping: bytes.count - start), isBinary: isBinary))
        bytes.append(0)
    }

    private static func containsNUL(_ number: Int) -> PostgresError {
        PostgresError(
            .invalidParameter,
            "parameter $\(number) contains a NUL byte, which Postgres cannot store as text: reject or strip it"
        )
    }

    private mutating func appendDecimal(_ value: Int64) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var rest = value.magnitude
            var position = buffer.count
            repeat {
                position -= 1
                buffer[position] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                position -= 1
                buffer[position] = UInt8(ascii: "-")
            }
            bytes.append(contentsOf: buffer[position...])
        }
    }

    /// Postgres' spelling of a number: Swift's shortest form that reads back the same, but `Infinity` for `inf`.
    private static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return "\(value)"
    }
}
