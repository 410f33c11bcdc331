import HTTPServer
import JSON

extension HTTPResponse {
    /// An answer in JSON.
    static func json(_ bytes: [UInt8], status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("content-type", "application/json")], body: .bytes(bytes))
    }

    /// An answer in JSON.
    static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
        .json(value.serialized(), status: status)
    }
}

extension RoutedRequest {
    /// The body as JSON.
    /// - Throws: `Problem` 415 for another media type, 400 for what is no JSON.
    func jsonBody() async throws -> JSONValue {
        if let type = request.header("content-type"), !type.lowercased().hasPrefix("application/json") {
            throw Problem(status: 415, code: "unsupported_media_type", detail: "Send the body as application/json.")
        }
        var bytes = body
        if bytes == nil { bytes = try await request.body.collect() }
        do {
            return try JSONValue.parse(bytes ?? [])
        } catch {
            throw Problem(status: 400, code: "malformed_json", detail: error.description)
        }
    }
}

extension HTTPRequest {
    /// A whole number out of the query.
    /// - Throws: `Problem` when it is none, or out of range.
    func queryInteger(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = query(name) else { return nil }
        guard let value = Int64(text), range.contains(value) else {
            throw Problem.invalid([
                (name: name, reason: "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            ])
        }
        return value
    }
}
