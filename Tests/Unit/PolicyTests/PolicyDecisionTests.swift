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

    @Test func toolsAndModelsAreAskedAboutInTheAgreedWords() {
        let tool = PolicyInput.toolExecute("echo", ["message": "x"], tenant: "acme", personaID: "p")
        #expect(
            tool.json.string == #"{"tenant":"acme","persona_id":"p","action":"tool.execute","#
                + #""resource":{"tool":"echo","args":{"message":"x"}},"context":{}}"#
        )
        let model = PolicyInput.model(.modelCall, "m", profile: "default", tenant: "acme", personaID: nil)
        #expect(
            model.json.string == #"{"tenant":"acme","persona_id":null,"action":"model.call","#
                + #""resource":{"model":"m","profile":"default"},"context":{}}"#
        )
    }

    @Test func aPermissionThatDependsOnWhatCannotBeDoneIsNone() throws {
        let bound = try read(#"{"allow":true,"reason":"fine","obligations":{"notify":"x","approval":true}}"#)
        let denied = bound.fulfilling(["notify"])
        #expect(!denied.isAllowed && denied.origin == .policy && denied.obligations == bound.obligations)
        #expect(denied.reason == "it is allowed only along with what cannot be done here: approval")
        #expect(bound.fulfilling([]).reason.hasSuffix(": approval, notify"))
        #expect(bound.fulfilling(["notify", "approval"]) == bound)
        let free = try read(#"{"allow":true,"reason":"fine"}"#)
        #expect(free.fulfilling([]) == free)
        let refused = try read(#"{"allow":false,"reason":"no","obligations":{"approval":true}}"#)
        #expect(refused.fulfilling([]) == refused)
    }

    @Test func theReasonOfAnObligationThatCannotBeKeptHasALimit() throws {
        let name = String(repeating: "o", count: 2000)
        let bound = try read(#"{"allow":true,"obligations":{"\#(name)":true}}"#)
        #expect(bound.fulfilling([]).reason.utf8.count == PolicyDecision.reasonBytesMax)
    }

    @Test func onlyTroubleOutsideIsWorthAnotherTry() {
        let retriable = PolicyError.Code.allCases.filter { PolicyError($0, "").isRetriable }
        #expect(retriable == [.overloaded, .unreachable])
    }
}
