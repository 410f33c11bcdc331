import JSON
import TestKit
import Testing

/// Two workers, of which one is lost, stalls or stops: each test has a platform of its own.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct TakeoverTests {
    private func options(lease: String = "3s", _ worker: [String: String] = [:]) -> PlatformOptions {
        var options = PlatformOptions()
        options.environment["PARLEY_LEASE_DURATION"] = lease
        options.worker = worker
        return options
    }

    /// What became of a session's one turn, whoever ran it: answers, charges and outbox rows that are left.
    private func counts(_ platform: Platform) async throws -> String {
        try await eventually("an empty outbox") { try await platform.sql("SELECT count(*) FROM outbox") == "0" }
        return try await platform.sql(
            """
            SELECT (SELECT count(*) FROM session_events WHERE role = 'assistant'),
                (SELECT count(*) FROM turns WHERE status = 'completed'),
                (SELECT sum(input_tokens + output_tokens) = (SELECT used_tokens FROM budget_usage WHERE persona_id = '')
                    FROM turns)
            """
        )
    }

    @Test("A worker is killed while a second one lives: the second answers within seconds, and the client is told")
    func killed() async throws {
        try await withOwnPlatform(options()) { platform in
            let marker = platform.model.answer { _, count in
                count == 0
                    ? .text("void words that never end").delayed(piece: .seconds(5)) : .text("from the second")
            }
            let session = unique("kill")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let sent = try await platform.client.post("Hello \(marker)", session: session)
            var iterator = stream.makeIterator()
            var events = try await iterator.events { $0.type == "delta" }
            try await platform.addService("parley-worker").start()
            let clock = ContinuousClock.now
            try await platform.worker.kill9()
            events += try await iterator.events(through: \.isFinal)
            // By itself it takes 4 s at most: what is left of the lease, and a second until somebody looks.
            #expect(clock.duration(to: .now) < .seconds(12))
            #expect(events.last?.json["message"] == "from the second")
            #expect(events.shape == ["turn.started", "delta", "turn.restarted", "delta", "message"])
            let restart = try #require(events.firstIndex { $0.type == "turn.restarted" })
            #expect(Array(events[restart...]).text == "from the second")
            #expect(try await platform.client.finishedTurn(sent.eventID)["attempt"] == 2)
            #expect(try await counts(platform) == "1|1|t")
        }
    }

    @Test("A worker is killed in the call after one whose tool calls were refused: that one is not paid again")
    func killedAfterRefusal() async throws {
        try await withOwnPlatform(options(lease: "1500ms")) { platform in
            let marker = platform.model.answer { request, count in
                if request.lastRole != "tool" { return .toolCalls([.init(name: "echo", arguments: "no object")]) }
                return count == 1 ? .hang : .text("done without the tool")
            }
            let sent = try await platform.client.post("Hello \(marker)", session: unique("refused"))
            try await eventually("the second call") { platform.model.requests(marker).count == 2 }
            try await platform.worker.kill9()
            try await platform.worker.start()
            #expect(try await platform.client.answer(to: sent) == "done without the tool")
            #expect(platform.model.requests(marker).map(\.lastRole) == ["user", "tool", "tool"])
            #expect(try await platform.client.finishedTurn(sent.eventID)["attempt"] == 2)
            #expect(try await platform.sql("SELECT count(*) FROM turn_steps WHERE kind = 'model'") == "2")
            #expect(try await counts(platform) == "1|1|t")
        }
    }

    @Test("Only lost workers use up the attempts: answers that are cut off and rests for tools do not")
    func attempts() async throws {
        try await withOwnPlatform(options(lease: "1500ms", ["PARLEY_TURN_ATTEMPTS_MAX": "2"])) { platform in
            let marker = platform.model.answer { _, count in
                switch count {
                case 0, 1: .text("half an answer").with(.cut(afterPieces: 1))
                case 2: .toolCalls([.init(name: "echo", arguments: #"{"message":"x"}"#)])
                default: .hang
                }
            }
            let sent = try await platform.client.post("Hello \(marker)", session: unique("attempts"))
            for calls in [4, 5] {
                // The fourth comes after three attempts and a rest, the fifth after the first lost worker.
                try await eventually("call \(calls)") { platform.model.requests(marker).count == calls }
                try await platform.worker.kill9()
                try await platform.worker.start()
            }
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["error"]?["code"] == "attempts_exhausted")
            #expect(turn["attempt"] == 5)
            #expect(platform.model.requests(marker).count == 5)
        }
    }

    @Test(
        "A worker stalls in a model call: its turn is taken over, and when it wakes it ends the call and writes nothing"
    )
    func stalled() async throws {
        let settings = ["PARLEY_MODEL_IDLE_TIMEOUT": "120s"]
        try await withOwnPlatform(options(lease: "1500ms", settings)) { platform in
            let marker = platform.model.answer { _, count in count == 0 ? .hang : .text("from the second") }
            let session = unique("stall")
            let sent = try await platform.client.post("Hello \(marker)", session: session)
            try await eventually("the model call") { platform.model.requests(marker).count == 1 }
            let second = try platform.addService("parley-worker")
            try await second.start()
            platform.worker.process?.pause()
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["attempt"] == 2)
            let hangUps = platform.model.server.hangUpCount
            platform.worker.process?.resume()
            // Without the lease the call is of no use: it ends long before the model's idle timeout is over.
            try await eventually("the end of the first call") {
                platform.model.server.hangUpCount == hangUps + 1
            }
            try await eventually("the turn is dropped") {
                platform.worker.log.contains("the turn went to somebody else")
            }
            #expect(try await counts(platform) == "1|1|t")
            // It is as good as new: alone, it answers.
            try await second.kill9()
            let next = try await platform.client.post("again", session: session)
            #expect(try await platform.client.answer(to: next) == "You said: again")
        }
    }

    @Test("A worker stops in a turn that takes too long: the second goes on at once, long before the lease runs out")
    func handedOver() async throws {
        try await withOwnPlatform(options(lease: "60s", ["PARLEY_WORKER_DRAIN": "300ms"])) { platform in
            let marker = platform.model.answer { _, count in count == 0 ? .hang : .text("from the second") }
            let sent = try await platform.client.post("Hello \(marker)", session: unique("over"))
            try await eventually("the model call") { platform.model.requests(marker).count == 1 }
            try await platform.addService("parley-worker").start()
            #expect(try await platform.worker.terminate() == .exited(0))
            #expect(try await platform.client.answer(to: sent, timeout: .seconds(45)) == "from the second")
            #expect(try await platform.client.finishedTurn(sent.eventID)["attempt"] == 2)
            #expect(try await counts(platform) == "1|1|t")
        }
    }

    @Test("A worker stops while messages wait for its slots: it does not wait for them, and none is lost")
    func full() async throws {
        let settings = ["PARLEY_WORKER_TURNS_MAX": "2", "PARLEY_WORKER_DRAIN": "1s"]
        try await withOwnPlatform(options(lease: "60s", settings)) { platform in
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { request, _ in
                await gate.wait()
                return .text("You said: \(request.lastUserMessage)")
            }
            var sent: [SentMessage] = []
            for number in 0..<12 {
                sent.append(try await platform.client.post("\(number) \(marker)", session: unique("full")))
            }
            try await eventually("two model calls") { platform.model.requests(marker).count == 2 }
            // What waits in the handlers must have come there.
            try await eventually("claimed or waiting") {
                try await platform.sql("SELECT count(*) FROM turns WHERE status = 'running'") == "2"
            }
            let clock = ContinuousClock.now
            #expect(try await platform.worker.terminate() == .exited(0))
            #expect(clock.duration(to: .now) < .seconds(8))
            gate.open()
            try await platform.worker.start()
            for message in sent {
                #expect(try await platform.client.finishedTurn(message.eventID)["status"] == "completed")
            }
            #expect(try await counts(platform) == "12|12|t")
        }
    }

    @Test("A turn that loses its worker as often as it may is answered; once more, and it fails and says why")
    func attemptsExhausted() async throws {
        let settings = ["PARLEY_TURN_ATTEMPTS_MAX": "2"]
        try await withOwnPlatform(options(lease: "1500ms", settings)) { platform in
            let patience = Duration.seconds(45)
            let lucky = platform.model.answer { _, count in count == 0 ? .hang : .text("at the second attempt") }
            let unlucky = platform.model.answer { _, _ in .hang }
            let session = unique("exhausted")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let answered = try await platform.client.post("Hello \(lucky)", session: unique("lucky"))
            let failed = try await platform.client.post("Hello \(unlucky)", session: session)
            let next = try await platform.client.post("still there?", session: session)
            for attempt in 1...2 {
                try await eventually("attempt \(attempt)", timeout: patience) {
                    platform.model.requests(unlucky).count == attempt && !platform.model.requests(lucky).isEmpty
                }
                if attempt == 2 {
                    #expect(try await platform.client.answer(to: answered) == "at the second attempt")
                }
                try await platform.worker.kill9()
                try await platform.worker.start()
            }
            let turn = try await platform.client.finishedTurn(failed.eventID)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"] == "attempts_exhausted")
            #expect(turn["error"]?["message"] == "The turn was begun 2 times and never came to its end.")
            #expect(platform.model.requests(unlucky).count == 2)
            let events = try await stream.events { $0.turnID == failed.eventID && $0.isFinal }
            #expect(events.last?.type == "turn.failed")
            #expect(events.last?.json["error"]?["code"] == "attempts_exhausted")
            // It stands in nobody's way.
            #expect(try await platform.client.answer(to: next) == "You said: still there?")
            let charged = try await platform.sql(
                "SELECT input_tokens + output_tokens FROM turns WHERE turn_id = '\(failed.eventID)'"
            )
            #expect(charged == "0")
        }
    }
}
