import JSON
import Testing

@testable import Policy

@Suite struct PolicyDecisionTests {
    private func read(_ json: String) throws -> PolicyDecision {
        PolicyDecision(result: try JSONValue.parse(json))
    }

    @Test func readsAnswers() throws {
        let allowed = try read(#"{"allow":true,"reason":"fine","obligations":{"approval":true},"more":1}"#)
        #expect(allowed.isAllowed && allowed.reason == "fine" && allowed.origin == .policy)
        #expect(allowed.obligations["approval"] == .bool(true))
        let denied = try read(#"{"allow":false}"#)
        #expect(!denied.isAllowed && denied.reason.isEmpty && denied.obligations.isEmpty && denied.origin == .policy)
    }

    @Test(arguments: [
        "null", "true", "[]", "{}", #"{"allow":"true"}"#, #"{"allow":1}"#, #"{"allow":null}"#,
        #"{"allow":true,"reason":7}"#, #"{"allow":true,"obligations":[]}"#, #"{"allow":true,"obligations":null}"#,
        #"{"result":{"allow":true}}"#,
    ])
    func anyOtherShapeDenies(json: String) throws {
        let decision = try read(json)
        #expect(!decision.isAllowed)
        #expect(decision.origin == .malformed)
    }

    @Test func anUndefinedAnswerDenies() {
        let decision = PolicyDecision(result: nil)
        #expect(!decision.isAllowed)
        #expect(decision.origin == .undefined)
    }

    @Test func aFailureDeniesWithoutTellingItsDetails() {
        let decision = PolicyDecision(engineFailure: PolicyError(.unreachable, "http://internal:8181 refused"))
        #expect(!decision.isAllowed)
        #expect(decision.origin == .engineFailed)
        #expect(!decision.reason.contains("internal") && decision.reason.contains("unreachable"))
    }

    @Test func reasonsHaveALimit() throws {
        let long = String(repeating: "r", count: 1025)
        #expect(try read(#"{"allow":true,"reason":"\#(long.dropLast())"}"#).reason.utf8.count == 1024)
        #expect(try read(#"{"allow":true,"reason":"\#(long)"}"#).reason.utf8.count == 1024)
    }

    @Test func asksAndNotesInTheAgreedShape() {
        let input = PolicyInput(
            tenant: "acme",
            personaID: nil,
            action: .toolExecute,
            resource: ["tool": "echo"],
            context: ["turn": 1]
        )
        #expect(
            input.json.string == #"{"tenant":"acme","persona_id":null,"action":"tool.execute","#
                + #""resource":{"tool":"echo"},"context":{"turn":1}}"#
        )
        let decision = PolicyDecision(isAllowed: true, reason: "fine")
        #expect(
            decision.journalJSON.string == #"{"allow":true,"reason":"fine","obligations":{},"origin":"policy"}"#
        )
    }

    @Test func onlyTroubleOutsideIsWorthAnotherTry() {
        let retriable = PolicyError.Code.allCases.filter { PolicyError($0, "").isRetriable }
        #expect(retriable == [.overloaded, .unreachable])
    }
}
