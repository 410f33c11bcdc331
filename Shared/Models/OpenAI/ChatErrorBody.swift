import JSON

/// What an OpenAI-compatible endpoint says about a failure: `{"error": {"message", "type", "code"}}`, or anything else.
struct ChatErrorBody {
    private let text: String?
    private let code: String
    private let numericCode: Int?

    /// Reads the value of the `error` member.
    init(_ error: JSONValue) {
        text = error.stringValue ?? error["message"]?.stringValue
        code = error["code"]?.stringValue ?? error["type"]?.stringValue ?? ""
        numericCode = error["code"]?.intValue
    }

    /// Reads the body of a response; one that is not JSON is kept as text.
    init(body: [UInt8]) {
        if let value = try? JSONValue.parse(body), let error = value["error"] {
            self.init(error)
        } else {
            self.init(.string(String(decoding: body.prefix(ModelError.providerDetailBytesMax), as: UTF8.self)))
        }
    }

    /// The error for that status; without one (an error within a stream) for the code in the body.
    func modelError(status: Int?, retryAfter: Duration?) -> ModelError {
        let effective = status ?? numericCode.flatMap { (400...599).contains($0) ? $0 : nil }
        let (code, message) = meaning(of: effective)
        return ModelError(
            code: code,
            message: message,
            status: effective,
            retryAfter: retryAfter,
            providerDetail: text
        )
    }

    private func meaning(of status: Int?) -> (ModelError.Code, String) {
        switch status ?? 0 {
        case _ where code == "context_length_exceeded":
            (.contextTooLong, "the conversation is longer than the model takes; shorten it or use another model")
        case 401, 403:
            (.unauthorized, "the provider does not accept the key; check the profile's key and its rights")
        case 429:
            (.rateLimited, "the provider limits requests; wait, or raise the limit with the provider")
        case 408, 409, 500...599:
            (.unavailable, "the provider failed; try again later or set a fallback profile")
        case 300..<400:
            (.configuration, "the provider redirects; set the base URL to where it points")
        case 400..<500:
            (.invalidRequest, "the provider refuses the request; check the profile's base URL, model and parameters")
        default:
            (code.contains("rate_limit") ? .rateLimited : .unavailable, "the provider reported an error in its answer")
        }
    }
}
