import Domain
import HTTPServer
import JSON
import Store

/// An answer that says what was wrong with a request (RFC 9457).
struct Problem: Error, HTTPErrorConvertible {
    /// The HTTP status.
    let status: Int
    /// What programs go by; also the last part of the problem's type.
    let code: String
    /// What people read; never a secret or a user's text.
    let detail: String
    /// Which members of the request were wrong, and why.
    var fields: [(name: String, reason: String)] = []
    /// How long to wait before trying again, in seconds.
    var retryAfterSeconds: Int?

    /// The answer.
    var response: HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", "https://parley.dev/problems/\(code)")
        writer.member("title", HTTPResponse.reason(of: status))
        writer.member("status", status)
        writer.member("code", code)
        writer.member("detail", detail)
        if !fields.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for field in fields {
                writer.beginObject()
                writer.member("field", field.name)
                writer.member("reason", field.reason)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
        var headers = [("content-type", "application/problem+json")]
        if let retryAfterSeconds { headers.append(("retry-after", String(retryAfterSeconds))) }
        if status == 401 { headers.append(("www-authenticate", "Bearer")) }
        return HTTPResponse(status: status, headers: headers, body: .bytes(writer.bytes))
    }

    /// The credential is missing or not known.
    static let unauthorized = Problem(
        status: 401,
        code: "unauthorized",
        detail: "Send an API key that is valid: Authorization: Bearer pk_…"
    )

    /// The credential is valid, and not for this.
    static func forbidden(_ scope: CredentialScope) -> Problem {
        Problem(
            status: 403,
            code: "forbidden",
            detail: "The API key lacks the scope \(scope.rawValue): use another, or have one made that has it."
        )
    }

    /// There is nothing at this path.
    static let noSuchPath = Problem(status: 404, code: "not_found", detail: "There is nothing at this path.")

    /// With what the platform adds, the request is larger than an event may be.
    static let tooLarge = Problem(
        status: 413,
        code: "too_large",
        detail: "The event would be larger than \(EventLimits.bytesMax) bytes; send less, or a reference to it."
    )

    /// The tenant has no such thing.
    static func unknown(_ thing: String) -> Problem {
        Problem(status: 404, code: "not_found", detail: "There is no such \(thing).")
    }

    /// A member of the request is wrong.
    static func invalid(_ fields: [(name: String, reason: String)]) -> Problem {
        Problem(
            status: 422,
            code: "invalid_request",
            detail: fields.map { "\($0.name): \($0.reason)" }.joined(separator: "; "),
            fields: fields
        )
    }

    /// A part that the request needs does not answer, or has too much to do.
    static func unavailable(_ detail: String, retryAfterSeconds: Int = 1) -> Problem {
        Problem(status: 503, code: "unavailable", detail: detail, retryAfterSeconds: retryAfterSeconds)
    }
}
