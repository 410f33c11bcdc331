import HTTPServer
import JSON
import Memory

/// An answer that says what was wrong with a request to the memory, in the shapes that its clients know.
struct MemoryProblem: Error, HTTPErrorConvertible {
    /// The answer.
    let response: HTTPResponse

    /// The answer to what the memory refuses.
    /// - Parameters:
    ///   - error: Why.
    ///   - part: The part of the request that it is about, where there are several.
    init(_ error: MemoryError, in part: String? = nil) {
        switch error.code {
        case .invalidConfiguration:
            response = Self.badSettings(error)
        case .invalidObservation, .shortTermMemoryFull:
            response =
                Problem.invalid(
                    error.problems.map { problem in
                        (name: part.map { "\($0).\(problem.field)" } ?? problem.field, reason: problem.reason)
                    }
                ).response
        case .emptyShortTermMemory:
            response = Problem(status: 400, code: "empty_stm", detail: error.message).response
        case .invalidPattern, .indexFull:
            response = Problem(status: 422, code: "memory_limit", detail: error.message).response
        case .predictionTooLarge:
            response = Problem(status: 422, code: "prediction_too_large", detail: error.message).response
        case .predictionTooSlow:
            response =
                Problem(status: 503, code: "prediction_timeout", detail: error.message, retryAfterSeconds: 1).response
        case .busy:
            response = Problem(status: 503, code: "memory_busy", detail: error.message, retryAfterSeconds: 1).response
        }
    }

    /// There is no such session.
    init(unknownSession sessionID: String) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.beginObject()
        writer.member("code", "SESSION_NOT_FOUND")
        writer.member("message", "Session \(sessionID) not found or expired")
        writer.member("session_id", sessionID)
        writer.endObject()
        writer.endObject()
        response = .json(writer.bytes, status: 404)
    }

    private static func badSettings(_ error: MemoryError) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", "https://parley.dev/problems/invalid_configuration")
        writer.member("title", HTTPResponse.reason(of: 400))
        writer.member("status", 400)
        writer.member("code", "invalid_configuration")
        writer.member("detail", "Configuration validation failed")
        writer.key("validation_errors")
        var reasons = JSONObject()
        for problem in error.problems {
            reasons.set(String(problem.field.prefix(64)), .string(problem.reason))
        }
        writer.value(.object(reasons))
        writer.endObject()
        return HTTPResponse(
            status: 400,
            headers: [("content-type", "application/problem+json")],
            body: .bytes(writer.bytes)
        )
    }
}
