import Domain
import JSON
import Store
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct TurnLifeTests {
    private func completion(_ turn: ClaimedTurn, answer: String, claimsNext: Bool = true) -> TurnCompletion {
        var event = ConversationEvent(
            eventID: Identifier.make(),
            sessionID: turn.key.sessionID,
            role: .assistant,
            message: answer
        )
        event.type = ConversationEvent.Kind.message
        let outbound = OutboxEvent(
            tenantID: turn.key.tenantID,
            topic: .outbound,
            eventID: event.eventID,
            sessionID: turn.key.sessionID,
            payload: event.serialized(),
            position: StreamPosition(turn: turn.seq, index: 1)
        )
        let step = TurnStep(number: 1, kind: .model, name: "test", attempt: turn.attempt, request: [:], response: [:])
        return TurnCompletion(
            write: TurnWrite(
                turn: turn,
                steps: [step],
                events: [outbound],
                usage: TokenUsage(inputTokens: 3, outputTokens: 4),
                streamNext: 2,
                deltaNext: 0
            ),
            outcome: .completed,
            event: event,
            claimsNext: claimsNext
        )
    }

    @Test func aMessageBecomesATurnAndATurnAnAnswer() async throws {
        try await withStores { stores in
            let key = try await stores.accept("s1", "what's \"up\"?")
            let claim = try await stores.turns.claim(key)
            let turn = try #require(claim.turn)
            #expect(claim.isKnown)
            #expect(turn.key == key && turn.seq == 1 && turn.priorSeq == 0 && turn.attempt == 1 && turn.streamNext == 0)
            #expect(turn.message == "what's \"up\"?")
            let outcome = try await stores.turns.complete(completion(turn, answer: "fine"))
            #expect(!outcome.isFenced && outcome.next == nil)

            let events = try #require(
                try await stores.reads.events(of: "s1", tenantID: "default", page: HistoryPage())
            )
            #expect(events.map { $0.json["role"]?.stringValue } == ["assistant", "user"])
            let view = try #require(try await stores.reads.turn(key.turnID, tenantID: "default"))
            #expect(view.json["status"]?.stringValue == "completed")
            #expect(view.json["usage"]?["total_tokens"]?.intValue == 7)
            #expect(view.json["steps"]?.arrayValue?.count == 1)
            let stream = try await stores.reads.stream(of: "s1", tenantID: "default", after: .start, limit: 10)
            #expect(stream.map(\.kind) == [.turnStarted, .message])
            #expect(stream.map(\.position.description) == ["1-0", "1-1"])
            let rest = try await stores.reads.stream(
                of: "s1",
                tenantID: "default",
                after: StreamPosition(turn: 1, index: 0),
                limit: 10
            )
            #expect(rest.map(\.kind) == [.message])
            #expect(try await stores.endpoint.sql("SELECT used_tokens FROM budget_usage") == "7")
        }
    }

    @Test func turnsOfASessionComeOneAfterAnotherInTheOrderAccepted() async throws {
        try await withStores { stores in
            let keys = [
                try await stores.accept("s", "one"), try await stores.accept("s", "two"),
                try await stores.accept("s", "three"),
            ]
            // Asked for the third, the first is what there is to do; and while it runs nothing else is.
            var turn = try await stores.claim(keys[2])
            #expect(turn.key == keys[0])
            #expect(try await stores.turns.claim(keys[1]).turn == nil)
            for (index, key) in keys.enumerated() {
                #expect(turn.key == key)
                let outcome = try await stores.turns.complete(completion(turn, answer: "answer \(index)"))
                guard let next = outcome.next else {
                    #expect(index == 2)
                    break
                }
                turn = next
            }
            let history = try await stores.turns.history(before: keys[2], seq: 3, limit: 10)
            #expect(history.map(\.text) == ["one", "answer 0", "two", "answer 1"])
            #expect(turn.priorSeq == 2)
        }
    }

    @Test func aClaimUnderAnOldEpochCanWriteNothing() async throws {
        var configuration = StoreConfiguration()
        configuration.leaseDuration = .milliseconds(1)
        try await withStores(configuration) { [configuration] stores in
            let key = try await stores.accept("s")
            let stale = try await stores.claim(key)
            let other = stores.otherWorker(configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await other.run() }
                let taken = try await eventuallyValue { try await other.claim(key).turn }
                #expect(taken.attempt == 2 && taken.epoch == stale.epoch + 1)
                #expect(taken.streamNext == StreamPosition.firstIndex(ofAttempt: 2))
                let refused = try await stores.turns.complete(self.completion(stale, answer: "from the dead"))
                #expect(refused.isFenced)
                #expect(try await stores.endpoint.sql("SELECT count(*) FROM session_events") == "1")
                #expect(try await stores.endpoint.sql("SELECT count(*) FROM turn_steps") == "0")
                #expect(try await stores.endpoint.sql("SELECT count(*) FROM budget_usage") == "0")
                #expect(try await stores.endpoint.sql("SELECT count(*) FROM outbox") == "0")
                other.close()
                try await group.waitForAll()
            }
        }
    }

    @Test func aTurnRestsForItsToolsAndGoesOnWithTheLastAnswer() async throws {
        try await withStores { stores in
            let turn = try await stores.claim(try await stores.accept("s"))
            let requests = ["call-a", "call-b"].map { id -> ToolRequest in
                var request = ToolRequest(eventID: id, sessionID: "s", toolName: "echo", arguments: [:])
                request.turnID = turn.key.turnID
                return request
            }
            let steps = requests.enumerated().map { index, request in
                TurnStep(
                    number: index + 1,
                    kind: .tool,
                    name: "echo",
                    eventID: request.eventID,
                    isDone: false,
                    attempt: 1,
                    streamIndex: Int64(index + 1),
                    request: ["args": [:]],
                    response: nil
                )
            }
            let events = requests.map { request in
                OutboxEvent(
                    tenantID: "default",
                    topic: .toolRequests,
                    eventID: request.eventID,
                    sessionID: "s",
                    payload: request.serialized()
                )
            }
            try await stores.turns.suspend(
                TurnWrite(turn: turn, steps: steps, events: events, usage: TokenUsage(), streamNext: 3, deltaNext: 5)
            )
            #expect(try await stores.turns.claim(turn.key).turn == nil)

            func answer(_ request: ToolRequest) throws -> TurnStore.ToolAnswer {
                let result = ToolResult(to: request, status: .success, payload: ["message": "x"])
                return TurnStore.ToolAnswer(
                    key: turn.key,
                    eventID: request.eventID,
                    response: try JSONValue.parse(result.serialized())
                )
            }
            let first = try await stores.turns.record(answer(requests[0]))
            #expect(first.resultIndex == 3 && first.turnSeq == 1 && first.turn == nil)
            let again = try await stores.turns.record(answer(requests[0]))
            #expect(again.resultIndex == nil && again.turn == nil)
            let last = try await stores.turns.record(answer(requests[1]))
            let resumed = try #require(last.turn)
            #expect(last.resultIndex == 4 && resumed.streamNext == 5 && resumed.deltaNext == 5)
            #expect(resumed.isResumed && resumed.epoch == turn.epoch + 1 && resumed.attempt == 1)
            let journal = try await stores.turns.journal(of: turn.key)
            #expect(journal.map(\.isDone) == [true, true])
            #expect(journal.map(\.resultIndex) == [3, 4])
            let stream = try await stores.reads.stream(
                of: "s",
                tenantID: "default",
                after: StreamPosition(turn: 1, index: 0),
                limit: 10
            )
            #expect(stream.map(\.kind) == [.toolRequest, .toolRequest, .toolResult, .toolResult])
        }
    }

    @Test func aHeartbeatTellsWhichTurnsAreLostAndAReleasedTurnIsFreeAtOnce() async throws {
        try await withStores { stores in
            let turn = try await stores.claim(try await stores.accept("released"))
            let kept = try await stores.claim(try await stores.accept("kept"))
            let other = stores.otherWorker()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await other.run() }
                #expect(try await other.claim(turn.key).turn == nil)
                // A worker may release only what it holds.
                #expect(try await other.release([turn]).isEmpty)
                #expect(try await stores.turns.release([turn]) == [turn.key])
                #expect(try await stores.turns.heartbeat([turn, kept]).lost.isEmpty)
                _ = try await stores.turns.release([turn])
                let taken = try #require(try await other.claim(turn.key).turn)
                #expect(taken.attempt == 2)
                let beat = try await stores.turns.heartbeat([turn, kept])
                #expect(beat.held == [kept.key])
                #expect(beat.lost.map(\.key) == [turn.key])
                #expect(try await stores.turns.release([turn]).isEmpty)
                other.close()
                try await group.waitForAll()
            }
        }
    }

    @Test func abandonedTurnsAreFoundAndHeldOnesAreNot() async throws {
        var configuration = StoreConfiguration()
        configuration.leaseDuration = .seconds(4)
        configuration.republishAfter = .milliseconds(1)
        try await withStores(configuration) { stores in
            let running = try await stores.claim(try await stores.accept("running"))
            _ = try await stores.accept("forgotten")
            try await eventually {
                let found = try await stores.turns.abandonedSessions(tenants: ["default"], limit: 10)
                return found.map(\.sessionID) == ["forgotten"]
            }
            #expect(try await stores.turns.heartbeat([running]).held == [running.key])
            try await eventually {
                let found = try await stores.turns.abandonedSessions(tenants: ["default"], limit: 10)
                return Set(found.map(\.sessionID)) == ["forgotten", "running"]
            }
        }
    }
}
