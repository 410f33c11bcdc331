import JSON

/// One engine with policies and data in it.
///
/// It never changes: the library can neither replace data nor recover from a policy that does not compile, so a
/// reload makes a new instance. The last one to let go of it destroys it.
///
/// Its calls block for as long as an evaluation takes.
final class OPAInstance: Sendable {
    private let library: OPALibrary
    private let handle: UInt64

    /// Makes an engine with a bundle, and asks it one question to see that the policies compile and decide.
    init(library: OPALibrary, bundle: PolicyBundle) throws {
        self.library = library
        handle = library.create()
        for module in bundle.modules {
            let answer = library.addPolicy(handle, name: module.name, source: module.source)
            try Self.check(answer, .badPolicy, "policy \(module.name)")
        }
        let answer = library.addData(handle, json: JSONValue.object(bundle.data).string)
        try Self.check(answer, .badPolicy, "data.json")
    }

    deinit {
        library.destroy(handle)
    }

    /// Asks a question whose answer does not matter, but must be one.
    func probe() throws {
        let question = PolicyInput(tenant: "probe", personaID: nil, action: "probe")
        let decision: PolicyDecision
        do {
            decision = PolicyDecision(result: try evaluate(PolicyDecision.documentPath, question.json.string))
        } catch {
            throw PolicyError(.badPolicy, "the policies do not evaluate: \(error.message)")
        }
        guard decision.origin == .policy else {
            throw PolicyError(.badDecision, "data.\(PolicyDecision.documentPath) is not a decision: \(decision.reason)")
        }
    }

    /// Evaluates the document at `path` below `data`; nil when it is undefined.
    func evaluate(_ path: String, _ input: String) throws(PolicyError) -> JSONValue? {
        // A NUL would end the question early, and what is asked would not be what is decided. JSON escapes it.
        precondition(!input.utf8.contains(0), "JSON text has no NUL")
        let envelope = try Self.check(
            library.evaluate(handle, path: path, input: input),
            .evaluationFailed,
            "data.\(path)"
        )
        guard let result = envelope["result"] else {
            throw PolicyError(.badAnswer, "the engine's answer has neither result nor error")
        }
        if result.isNull { return nil }
        guard let value = result[0]?["expressions"]?[0]?["value"] else {
            throw PolicyError(.badAnswer, "the engine's answer has no value")
        }
        return value
    }

    /// Reads an answer and throws the error in it.
    @discardableResult
    private static func check(
        _ answer: [UInt8]?,
        _ code: PolicyError.Code,
        _ what: String
    ) throws(PolicyError) -> JSONValue {
        guard let answer else { throw PolicyError(.badAnswer, "the engine gave no answer for \(what)") }
        let envelope: JSONValue
        do {
            envelope = try JSONValue.parse(answer)
        } catch {
            throw PolicyError(.badAnswer, "the engine's answer for \(what) is not JSON")
        }
        if let error = envelope["error"], !error.isNull {
            let kind = error["code"]?.stringValue ?? "unknown"
            throw PolicyError(code, "\(what): \(kind): \(error["message"]?.stringValue ?? "")")
        }
        return envelope
    }
}
