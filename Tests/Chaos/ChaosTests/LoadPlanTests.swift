import Testing

@testable import parley_chaos

/// What clients say, and what is measured of when they were answered.
@Suite struct LoadPlanTests {
    @Test("The same seed makes the same plan, another one another")
    func seeded() {
        let size = LoadPlan.Size(sessions: 50, turns: 20, seed: 7)
        let pauses = { (size: LoadPlan.Size) in LoadPlan(size).sessions.flatMap(\.messages).map(\.pause) }
        #expect(pauses(size) == pauses(size))
        #expect(pauses(size) != pauses(LoadPlan.Size(sessions: 50, turns: 20, seed: 8)))
    }

    @Test("Every text is there once, and a third of all turns use a tool, half of them one that knows keys")
    func texts() {
        let messages = LoadPlan(LoadPlan.Size()).sessions.flatMap(\.messages)
        #expect(messages.count == 1000)
        #expect(Set(messages.map(\.text)).count == 1000)
        let tools = messages.filter(\.usesTool)
        #expect((300...366).contains(tools.count))
        let keyed = tools.filter {
            EffectServer.call(for: LoadPlan.label(of: $0.text)).name == EffectServer.names.keyed
        }
        #expect((tools.count / 3...tools.count * 2 / 3).contains(keyed.count))
    }

    @Test("Recovery counts messages that were under way, from the return, or from the fault where nothing returns")
    func recoveries() {
        func message(_ sent: Int, _ answered: Int?) -> ToldMessage {
            var message = ToldMessage(number: 0, text: "")
            message.sentAt = .seconds(sent)
            message.answeredAt = answered.map { .seconds($0) }
            return message
        }
        let messages = [message(1, 2), message(2, 9), message(4, 7), message(6, 8), message(3, nil)]
        let faults: [Duration] = [.seconds(3)]
        let kill = Timeline(faults: faults, returns: [], answers: [])
        #expect(kill.recoveries(messages) == [.seconds(6)])
        let outage = Timeline(faults: faults, returns: [.seconds(5)], answers: [])
        #expect(outage.recoveries(messages) == [.seconds(2), .seconds(4)])
    }

    @Test("Throughput is counted before, during and after")
    func throughput() {
        let answers = [1, 2, 3, 4, 6, 11, 12, 13, 14].map { Duration.seconds($0) }
        let timeline = Timeline(faults: [.seconds(4)], returns: [.seconds(10)], answers: answers)
        #expect(timeline.throughput.before == 1)
        #expect(abs(timeline.throughput.during - 1 / 6) < 0.001)
        #expect(timeline.throughput.after == 1)
    }

    @Test("Every scenario has a name of its own and says what it does")
    func names() {
        #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
        #expect(Scenario.all.allSatisfy { !$0.summary.isEmpty })
        #expect(Scenario.chosen(by: "worker_kill").count == 5)
        #expect(Scenario.chosen(by: "worker_kill.only_one").count == 1)
        #expect(Scenario.chosen(by: "worker").isEmpty)
    }
}
