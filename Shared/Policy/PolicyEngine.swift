package import JSON

/// What somebody wants to do.
package struct PolicyAction: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral {
    /// The action's name, such as `turn.run`.
    package let rawValue: String

    /// Makes an action; policies deny those they do not know.
    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// An action by a literal name.
    package init(stringLiteral value: String) {
        rawValue = value
    }

    /// Accept a user's message into a session.
    package static let messageAccept: PolicyAction = "message.accept"
    /// Run a turn.
    ///
    /// The resource has the `model` and the `profile` that would be asked first.
    package static let turnRun: PolicyAction = "turn.run"
    /// Call a language model.
    ///
    /// The resource has `model` and `profile`; it is asked before each call, and before the fallback is called.
    package static let modelCall: PolicyAction = "model.call"
    /// Run a tool.
    ///
    /// The resource has `tool` and `args`.
    package static let toolExecute: PolicyAction = "tool.execute"
}

/// A question to the policies.
package struct PolicyInput: Sendable, Hashable {
    /// The tenant on whose behalf it would happen.
    package var tenant: String
    /// The persona that would do it; nil when none is named.
    package var personaID: String?
    /// What would be done.
    package var action: PolicyAction
    /// To what it would be done.
    package var resource: JSONObject
    /// What else may matter.
    package var context: JSONObject

    /// Makes a question.
    package init(
        tenant: String,
        personaID: String?,
        action: PolicyAction,
        resource: JSONObject = [:],
        context: JSONObject = [:]
    ) {
        self.tenant = tenant
        self.personaID = personaID
        self.action = action
        self.resource = resource
        self.context = context
    }

    /// Whether a tool may be run.
    /// - Parameters:
    ///   - tool: The tool's name.
    ///   - arguments: What it would be called with: `args`, the name that they have in every event.
    ///   - tenant: On whose behalf.
    ///   - personaID: The persona that would do it.
    /// - Returns: The question.
    package static func toolExecute(
        _ tool: String,
        _ arguments: JSONValue,
        tenant: String,
        personaID: String?
    ) -> PolicyInput {
        PolicyInput(
            tenant: tenant,
            personaID: personaID,
            action: .toolExecute,
            resource: ["tool": .string(tool), "args": arguments]
        )
    }

    /// Whether something may be done with a model.
    /// - Parameters:
    ///   - action: ``PolicyAction/turnRun`` or ``PolicyAction/modelCall``.
    ///   - model: The provider's name of the model.
    ///   - profile: The name of the settings that it is used with.
    ///   - tenant: On whose behalf.
    ///   - personaID: The persona that would do it.
    /// - Returns: The question.
    package static func model(
        _ action: PolicyAction,
        _ model: String,
        profile: String,
        tenant: String,
        personaID: String?
    ) -> PolicyInput {
        PolicyInput(
            tenant: tenant,
            personaID: personaID,
            action: action,
            resource: ["model": .string(model), "profile": .string(profile)]
        )
    }

    /// The question as policies read it: `{tenant, persona_id, action, resource, context}`.
    package var json: JSONValue {
        [
            "tenant": .string(tenant),
            "persona_id": personaID.map(JSONValue.string) ?? .null,
            "action": .string(action.rawValue),
            "resource": .object(resource),
            "context": .object(context),
        ]
    }
}

/// The policies' answer.
package struct PolicyDecision: Sendable, Equatable {
    /// Where an answer comes from.
    package enum Origin: String, Sendable, CaseIterable {
        /// The policies decided.
        case policy
        /// The engine failed or could not be reached: denied.
        case engineFailed = "policy_engine_failed"
        /// The policies say nothing about it: denied.
        case undefined = "policy_undefined"
        /// The engine's answer has not the agreed shape: denied.
        case malformed = "policy_malformed"
    }

    /// Whether it may happen.
    package let isAllowed: Bool
    /// Why, in words for the one who asked.
    package let reason: String
    /// What must be done along with it, by name, such as `{"approval": true}`.
    package let obligations: JSONObject
    /// Whether the policies decided, or it is denied because they could not.
    package let origin: Origin

    /// Makes an answer of the policies.
    package init(isAllowed: Bool, reason: String, obligations: JSONObject = [:]) {
        self.isAllowed = isAllowed
        self.reason = reason
        self.obligations = obligations
        origin = .policy
    }

    /// Makes the refusal that stands in for an answer that did not come.
    package init(deniedBecause origin: Origin, reason: String) {
        precondition(origin != .policy, "an answer of the policies is not a failure")
        isAllowed = false
        self.reason = reason
        obligations = [:]
        self.origin = origin
    }

    /// The answer for somebody who can do what these obligations ask for, and nothing else: a permission that depends
    /// on another one is none.
    package func fulfilling(_ names: Set<String>) -> PolicyDecision {
        let others = obligations.keys.filter { !names.contains($0) }.sorted()
        guard isAllowed, !others.isEmpty else { return self }
        let reason = "it is allowed only along with what cannot be done here: \(others.joined(separator: ", "))"
        return PolicyDecision(
            isAllowed: false,
            reason: String(decoding: reason.utf8.prefix(Self.reasonBytesMax), as: UTF8.self),
            obligations: obligations
        )
    }

    /// The answer as it is written into a turn's journal.
    package var journalJSON: JSONValue {
        [
            "allow": .bool(isAllowed),
            "reason": .string(reason),
            "obligations": .object(obligations),
            "origin": .string(origin.rawValue),
        ]
    }
}

/// Answers questions about what may happen.
///
/// An engine fails closed: when it cannot answer it denies, with an ``PolicyDecision/origin`` that says so. It throws
/// nothing but `CancellationError`.
package protocol PolicyEngine: Sendable {
    /// Asks the policies.
    func decide(_ input: PolicyInput) async throws -> PolicyDecision
}
