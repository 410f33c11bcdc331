import HTTPClient
import JSON

/// The file in which an operator describes HTTP tools: `{"tools": [{"name": …, "url": …, …}]}`.
///
/// Its members are those that `GET /v1/tools` shows, and `url`, `headers` and `retries`.
package enum HTTPToolFile {
    /// The longest file, in bytes.
    package static let bytesMax = 1 << 20
    /// The longest time that a run may take.
    package static let timeoutMax = Duration.seconds(3600)
    /// The most that a result may be, in bytes of JSON text: what fits into an event with room for the rest of it.
    package static let resultBytesMax = 512 * 1024
    /// The most header fields.
    package static let headersMax = 50
    /// How often a failed call of an idempotent tool is sent again, where the file does not say.
    package static let retriesDefault = 2
    /// The most retries.
    package static let retriesMax = 10

    /// Header fields that the platform sets itself.
    private static let ownHeaders: Set<String> = [
        "idempotency-key", "content-type", "content-length", "transfer-encoding", "host", "connection", "expect",
        "parley-tenant", "parley-session", "parley-persona",
    ]

    /// Reads a file.
    /// - Parameter bytes: The file's content.
    /// - Returns: The tools, in the order of the file.
    /// - Throws: ``ToolError`` `invalidDefinition` with what is wrong and with which tool.
    package static func tools(_ bytes: [UInt8]) throws(ToolError) -> [HTTPToolSettings] {
        guard bytes.count <= bytesMax else {
            throw ToolError(.invalidDefinition, "the tools file is longer than \(bytesMax) bytes")
        }
        do {
            let file = try JSONFields(try JSONValue.parse(bytes))
            try file.allow("tools")
            var tools: [HTTPToolSettings] = []
            for (index, json) in try file.array("tools").enumerated() {
                tools.append(try tool(JSONFields(json, at: "/tools/\(index)")))
            }
            return tools
        } catch let error as JSONError {
            throw ToolError(.invalidDefinition, "the tools file is not valid: \(error.description)")
        } catch let error as ToolError {
            throw error
        } catch {
            throw ToolError(.invalidDefinition, "the tools file is not valid")
        }
    }

    private static func tool(_ fields: JSONFields) throws -> HTTPToolSettings {
        try fields.allow(
            "name",
            "description",
            "parameters",
            "url",
            "method",
            "idempotent",
            "timeout_seconds",
            "retries",
            "result_bytes_max",
            "headers"
        )
        let name = try fields.string("name")
        guard isName(name) else {
            throw fields.error("name", .outOfRange, "1 to 64 characters out of A-Z a-z 0-9 _ -, as models take them")
        }
        if let method = try fields.optionalString("method"), method != "POST" {
            throw fields.error("method", .outOfRange, "POST")
        }
        let isIdempotent = try fields.optionalBool("idempotent") ?? false
        let retries = try fields.optionalInt("retries", in: 0...retriesMax)
        if !isIdempotent, let retries, retries > 0 {
            throw fields.error("retries", .outOfRange, "0, because the tool is not idempotent")
        }
        let seconds = try fields.optionalDouble("timeout_seconds") ?? 30
        guard seconds >= 0.001, .seconds(seconds) <= timeoutMax else {
            throw fields.error("timeout_seconds", .outOfRange, "0.001 to \(timeoutMax.components.seconds)")
        }
        let definition = ToolDefinition(
            name: name,
            description: try fields.string("description"),
            parameters: .object(try fields.object("parameters")),
            idempotent: isIdempotent,
            timeout: .milliseconds(Int64((seconds * 1000).rounded())),
            resultBytesMax: try fields.optionalInt("result_bytes_max", in: 2...resultBytesMax) ?? 256 * 1024
        )
        return HTTPToolSettings(
            definition: definition,
            url: try url(fields),
            headers: try headers(fields),
            retriesMax: isIdempotent ? retries ?? retriesDefault : 0
        )
    }

    private static func url(_ fields: JSONFields) throws -> String {
        let url = try fields.string("url")
        do {
            try HTTPClientRequest(method: "POST", url: url).validate()
        } catch {
            throw fields.error("url", .outOfRange, "an http:// or https:// URL with a host and without a user")
        }
        return url
    }

    private static func headers(_ fields: JSONFields) throws -> [HTTPToolHeader] {
        let object = try fields.optionalObject("headers") ?? [:]
        guard object.count <= headersMax else {
            throw fields.error("headers", .outOfRange, "no more than \(headersMax) fields")
        }
        var headers: [HTTPToolHeader] = []
        for member in object {
            guard let template = member.value.stringValue,
                let header = HTTPToolHeader(name: member.key, template: template)
            else {
                throw fields.error("headers", .wrongType, "texts, with variables written ${NAME}")
            }
            guard !ownHeaders.contains(member.key.lowercased()) else {
                throw fields.error("headers", .outOfRange, "no field that Parley sets itself")
            }
            // Parley's own settings hold the database's password and the like: none goes out by a slip.
            guard header.variables.allSatisfy({ !$0.hasPrefix("PARLEY_") || $0.hasPrefix("PARLEY_TOOL_") }) else {
                throw fields.error("headers", .outOfRange, "variables of the tools, none of Parley's own settings")
            }
            let sample = HTTPClientHeaders(dictionaryLiteral: (member.key, header.value([:])))
            var request = HTTPClientRequest(url: "http://tool")
            request.headers = sample
            guard (try? request.validate()) != nil else {
                throw fields.error("headers", .outOfRange, "names and values that can be sent")
            }
            headers.append(header)
        }
        return headers
    }

    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                byte &- 48 < 10 || (byte | 0x20) &- 97 < 26 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }
}
