package import JSON

extension PolicyDecision {
    /// The longest reason that is taken over, in bytes.
    package static let reasonBytesMax = 1024

    /// The document that policies answer with, as a path below `data`.
    package static let documentPath = "parley.authz.decision"

    /// Reads `{"allow": bool, "reason": string, "obligations": {…}}`; nil, an undefined result, and any other shape
    /// deny.
    package init(result: JSONValue?) {
        guard let result else {
            self.init(deniedBecause: .undefined, reason: "the policies say nothing about this action")
            return
        }
        guard case .object(let object) = result, case .bool(let isAllowed)? = result["allow"] else {
            self.init(deniedBecause: .malformed, reason: "the policies' answer has no \"allow\" that is true or false")
            return
        }
        let reason = result["reason"].map(\.stringValue) ?? ""
        let obligations = object.contains("obligations") ? result["obligations"]?.objectValue : JSONObject()
        guard let reason, let obligations else {
            self.init(
                deniedBecause: .malformed,
                reason: "the policies' answer has a reason or obligations of a wrong type"
            )
            return
        }
        self.init(
            isAllowed: isAllowed,
            reason: String(decoding: reason.utf8.prefix(Self.reasonBytesMax), as: UTF8.self),
            obligations: obligations
        )
    }

    /// The refusal for an engine that failed.
    ///
    /// The error's own text stays in the log: it may name addresses and files.
    init(engineFailure error: PolicyError) {
        self.init(deniedBecause: .engineFailed, reason: "the policy engine could not decide (\(error.code.rawValue))")
    }
}
