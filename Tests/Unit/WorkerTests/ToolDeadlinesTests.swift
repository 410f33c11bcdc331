import Domain
import JSON
import Store
import Testing

@testable import parley_worker

/// What becomes of a call that its turn has waited for too long.
struct ToolDeadlinesTests {
    private let key = TurnKey(tenantID: "default", sessionID: "s", turnID: "t")
    private let request = ToolRequest(eventID: "e", sessionID: "s", toolName: "pay", arguments: ["n": 1])

    private func decision(_ run: OverdueTool.Run) -> OverdueTool.Decision {
        OverdueTool(key: key, request: request, run: run).decision
    }

    @Test func aRunThatIsUnderWayIsWaitedFor() {
        #expect(decision(.running) == .wait)
    }

    @Test func aRunThatNobodyTookEndsAsATimeout() {
        guard case .giveUp(let result) = decision(.unknown) else {
            Issue.record("not given up")
            return
        }
        #expect(result.status == .timeout && result.eventID == "e" && result.toolName == "pay")
        #expect(throws: Never.self) { try EventSchema.toolResult.parse(result.serialized()) }
    }

    @Test func aRunWhoseExecutorIsLostIsInterrupted() {
        guard case .giveUp(let result) = decision(.lost) else {
            Issue.record("not given up")
            return
        }
        #expect(result.status == .interrupted)
    }

    @Test func aResultThatWasLostIsToldAgain() {
        let result = ToolResult(to: request, status: .success, payload: ["ok": true])
        #expect(decision(.ended(result)) == .tell(result))
    }

    @Test func aRunMayBeCutOffAtItsEndAndDoneAgain() {
        let limit = ToolDeadlines.limit(timeout: .seconds(30), patience: .seconds(15))
        #expect(limit == .seconds(75))
    }
}
