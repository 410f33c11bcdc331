import Domain
import JSON
import Store
import TestKit
import Testing

/// What is written of a turn before its end, and what can be told from it.
@Suite(.timeLimit(.minutes(2))) struct TurnJournalTests {
    private func write(_ turn: ClaimedTurn, _ steps: [TurnStep]) -> TurnWrite {
        TurnWrite(
            turn: turn,
            steps: steps,
            events: [],
            usage: TokenUsage(inputTokens: 3, outputTokens: 4),
            streamNext: turn.streamNext + 1,
            deltaNext: 0
        )
    }

    private func model(_ number: Int) -> TurnStep {
        TurnStep(number: number, kind: .model, name: "test", attempt: 1, request: [:], response: [:])
    }

    private func call(_ number: Int, _ eventID: String) -> TurnStep {
        TurnStep(
            number: number,
            kind: .tool,
            name: "echo",
            eventID: eventID,
            isDone: false,
            attempt: 1,
            streamIndex: Int64(number),
            request: [:],
            response: nil
        )
    }

    private func refused(_ number: Int) -> TurnStep {
        TurnStep(number: number, kind: .tool, name: "echo", attempt: 1, request: [:], response: [:])
    }

    @Test func aJournalThatIsKeptLeavesTheTurnToItsWorkerAndMayBeWrittenTwice() async throws {
        var configuration = StoreConfiguration()
        configuration.leaseDuration = .seconds(3)
        try await withStores(configuration) { [configuration] stores in
            let turn = try await stores.claim(try await stores.accept("s"))
            let kept = self.write(turn, [self.model(1), self.refused(2)])
            try await stores.turns.keep(kept)
            // As after a commit whose answer was lost.
            try await stores.turns.keep(kept)
            #expect(try await stores.turns.journal(of: turn.key).map(\.number) == [1, 2])
            #expect(try await stores.endpoint.sql("SELECT status FROM turns") == "running")
            #expect(try await stores.turns.heartbeat([turn]).held == [turn.key])
            let other = stores.otherWorker(configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await other.run() }
                let taken = try await eventuallyValue { try await other.claim(turn.key).turn }
                #expect(taken.attempt == 2 && taken.mayHaveJournal && taken.usage.totalTokens == 7)
                let error = await #expect(throws: StoreError.self) {
                    try await stores.turns.keep(self.write(turn, [self.model(3)]))
                }
                #expect(error?.code == .fenced)
                #expect(try await stores.turns.journal(of: turn.key).map(\.number) == [1, 2])
                other.close()
                try await group.waitForAll()
            }
        }
    }

    @Test func restsAreTheAnswersOfTheModelWithACallThatWasSent() async throws {
        try await withStores { stores in
            var turn = try await stores.claim(try await stores.accept("s"))
            #expect(try await stores.turns.restCount(of: turn.key) == 0)
            try await stores.turns.keep(self.write(turn, [self.model(1), self.refused(2)]))
            #expect(try await stores.turns.restCount(of: turn.key) == 0)
            for (number, names) in [(3, ["a", "b"]), (6, ["c"])] {
                let calls = names.enumerated().map { self.call(number + 1 + $0.offset, $0.element) }
                try await stores.turns.suspend(self.write(turn, [self.model(number)] + calls))
                for name in names {
                    let answer = TurnStore.ToolAnswer(key: turn.key, eventID: name, response: [:])
                    if let resumed = try await stores.turns.record(answer).turn { turn = resumed }
                }
            }
            // One claim, and two rests that are over.
            #expect(turn.isResumed && turn.epoch == 3)
            #expect(try await stores.turns.restCount(of: turn.key) == 2)
        }
    }

    @Test func anAcceptedTurnIsForgottenWhenItsEventShouldBeOutHoweverLateItGoesOutAgain() async throws {
        var configuration = StoreConfiguration()
        configuration.republishAfter = .seconds(3600)
        configuration.publishAfterMax = .milliseconds(1)
        try await withStores(configuration) { stores in
            _ = try await stores.accept("forgotten")
            try await eventually("the forgotten turn") {
                try await stores.turns.abandonedSessions(tenants: ["default"], limit: 10).map(\.sessionID)
                    == ["forgotten"]
            }
        }
        configuration.publishAfterMax = .seconds(3600)
        try await withStores(configuration) { stores in
            _ = try await stores.accept("young")
            #expect(try await stores.turns.abandonedSessions(tenants: ["default"], limit: 10).isEmpty)
        }
    }
}
