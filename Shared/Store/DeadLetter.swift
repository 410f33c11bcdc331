import Domain
package import JSON
import Postgres

/// Why a record could not be processed: what programs and metrics go by.
package enum DeadLetterReason: String, Sendable, CaseIterable {
    /// It is not JSON at all, or JSON beyond the limits.
    case malformed
    /// It is JSON that does not fit the schema of its topic, or an event that makes no sense there.
    case invalid
    /// Its header names a schema that its topic does not carry.
    case unknownSchema = "unknown_schema"
    /// It names a tenant that does not exist.
    case unknownTenant = "unknown_tenant"
    /// It is larger than an event may be.
    case oversized
    /// The database refuses what is in it.
    case unprocessable
    /// Its session has as many unfinished turns as it may have.
    case overloaded
    /// Its handler failed as often as it may.
    case failed
}

/// A header of a record, as it came.
package struct DeadLetterHeader: Sendable, Equatable {
    /// The name.
    package let name: String
    /// The value.
    package let value: [UInt8]

    /// Makes a header.
    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A record as it came, and why it could not be processed.
package struct NewDeadLetter: Sendable {
    /// The tenant that it belongs to: one that exists.
    package var tenantID: String
    /// The topic that it came from.
    package var topic: String
    /// The partition that it came from.
    package var partition: Int32
    /// Its offset in the partition.
    package var offset: Int64
    /// Its key.
    package var key: String?
    /// Its headers, in their order.
    package var headers: [DeadLetterHeader]
    /// Its value.
    package var payload: [UInt8]
    /// What programs go by.
    package var reason: DeadLetterReason
    /// What people read, without data of the record.
    package var detail: String
    /// How often it was tried.
    package var attempts: Int

    /// Makes one.
    package init(
        tenantID: String = Identifier.defaultTenant,
        topic: String,
        partition: Int32,
        offset: Int64,
        key: String?,
        headers: [DeadLetterHeader] = [],
        payload: [UInt8],
        reason: DeadLetterReason,
        detail: String,
        attempts: Int = 1
    ) {
        self.tenantID = tenantID
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.headers = headers
        self.payload = payload
        self.reason = reason
        self.detail = detail
        self.attempts = attempts
    }

    /// Code and detail in one line, as the record's copy and the table have it.
    package var reasonText: String { "\(reason.rawValue): \(detail)" }
}

/// A dead letter as it is listed: everything but what the record says.
package struct DeadLetter: Sendable, Equatable {
    /// Its number.
    package let id: Int64
    /// The tenant that it belongs to.
    package let tenantID: String
    /// The topic that it came from.
    package let topic: String
    /// The partition that it came from.
    package let partition: Int
    /// Its offset in the partition.
    package let offset: Int64
    /// Its key; a NUL or what is not UTF-8 was replaced.
    package let key: String?
    /// What programs go by; one of ``DeadLetterReason`` unless an older version wrote it.
    package let reason: String
    /// What people read.
    package let detail: String
    /// How often it was tried.
    package let attempts: Int
    /// The bytes of its value.
    package let bytes: Int
    /// When it first became one, ISO 8601 in UTC.
    package let firstAt: String
    /// When it last became one, ISO 8601 in UTC.
    package let lastAt: String
    /// How often it was sent again.
    package let redrives: Int
    /// When it was last sent again, ISO 8601 in UTC; nil: never.
    package let redrivenAt: String?

    init(row: PostgresRow) throws {
        id = try row.int64("dead_letter_id")
        tenantID = try row.string("tenant_id")
        topic = try row.string("topic")
        partition = try row.int("partition_number")
        offset = try row.int64("record_offset")
        key = try row.stringOrNil("record_key")
        let text = try row.string("reason")
        let code = text.prefix { $0 != ":" }
        reason = String(code)
        detail = String(text.dropFirst(code.count + 1).drop { $0 == " " })
        attempts = try row.int("attempts")
        bytes = try row.int("bytes")
        firstAt = try row.timestamp("first_at")
        lastAt = try row.timestamp("last_at")
        redrives = try row.int("redrives")
        redrivenAt = try row.isNull("redriven_at") ? nil : row.timestamp("redriven_at")
    }

    /// It as JSON, as the API and the operator's command line show it.
    package var json: JSONObject {
        var object: JSONObject = [:]
        object.set("id", .int(Int(id)))
        object.set("tenant_id", .string(tenantID))
        object.set("topic", .string(topic))
        object.set("partition", .int(partition))
        object.set("offset", .int(Int(offset)))
        object.set("key", key.map { .string($0) } ?? .null)
        object.set("reason", .string(reason))
        object.set("detail", .string(detail))
        object.set("attempts", .int(attempts))
        object.set("bytes", .int(bytes))
        object.set("first_at", .string(firstAt))
        object.set("last_at", .string(lastAt))
        object.set("redrives", .int(redrives))
        object.set("redriven_at", redrivenAt.map { .string($0) } ?? .null)
        return object
    }
}

/// A dead letter with what the record says: for an operator who asks for it, never for a log.
package struct WholeDeadLetter: Sendable, Equatable {
    /// What is listed of it.
    package let letter: DeadLetter
    /// Its headers, in their order.
    package let headers: [DeadLetterHeader]
    /// Its value.
    package let payload: [UInt8]

    init(row: PostgresRow) throws {
        letter = try DeadLetter(row: row)
        headers = try HeaderText.decode(try row.json("headers"))
        payload = try row.bytes("payload")
    }

    /// It as JSON: a value that is not UTF-8 is `payload_hex`, in hexadecimal digits, instead of `payload`.
    package var json: JSONValue {
        var object = letter.json
        object.set(
            "headers",
            .array(
                headers.map { header in
                    ["name": .string(header.name), "value": .string(String(decoding: header.value, as: UTF8.self))]
                }
            )
        )
        if let text = String(validating: payload, as: UTF8.self) {
            object.set("payload", .string(text))
        } else {
            object.set("payload_hex", .string(HeaderText.hexadecimal(payload)))
        }
        return .object(object)
    }
}

/// Headers as the table has them: an array of arrays of name and value, both in hexadecimal digits, because either may
/// hold what JSON in Postgres does not take.
enum HeaderText {
    static func encode(_ headers: [DeadLetterHeader]) -> [UInt8] {
        let pairs = headers.map { header in
            #"["\#(hexadecimal(Array(header.name.utf8)))","\#(hexadecimal(header.value))"]"#
        }
        return Array("[\(pairs.joined(separator: ","))]".utf8)
    }

    static func decode(_ bytes: [UInt8]) throws -> [DeadLetterHeader] {
        try (JSONValue.parse(bytes).arrayValue ?? []).map { pair in
            let texts = (pair.arrayValue ?? []).compactMap { $0.stringValue.flatMap(Self.bytes) }
            guard texts.count == 2 else {
                throw StoreError(code: .corrupt, message: "A dead letter has headers that are none.")
            }
            return DeadLetterHeader(name: String(decoding: texts[0], as: UTF8.self), value: texts[1])
        }
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[index * 2] = digits[Int(byte >> 4)]
                buffer[index * 2 + 1] = digits[Int(byte & 0x0F)]
            }
            return bytes.count * 2
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = text.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
