import EventBus
import Foundation
import JSON
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct TailTests {
    @Test func whatIsThereIsShownFromTheBeginning() async throws {
        try await withBroker { broker in
            let bus = try BusTerminal(broker)
            let topic = broker.uniqueName("tail")
            try await bus.makeTopic(topic)
            try await bus.publish(
                topic,
                "s1",
                #"{"session_id":"s1","role":"user","message":"one"}"#,
                #"{"session_id":"s1","role":"assistant","message":"two"}"#
            )
            try await bus.publish(topic, "s2", #"{"session_id":"s2","role":"user","message":"three"}"#)
            let all = try await bus.terminal.run("tail", topic, "--from-beginning", "--count", "3")
            #expect(all.exit == .exited(0))
            #expect(all.lines.count == 3)
            for (line, part) in zip(
                all.lines,
                ["0/0  s1  message/user  one", "0/1  s1  message/assistant  two", "0/2  s2"]
            ) {
                #expect(line.contains(part))
            }
            let second = try await bus.terminal.run(
                "tail",
                topic,
                "--from-beginning",
                "--session",
                "s2",
                "--count",
                "1"
            )
            #expect(second.lines.count == 1)
            #expect(second.lines.first?.hasSuffix("message/user  three") ?? false)
        }
    }

    @Test func recordsAreGivenAsJSON() async throws {
        try await withBroker { broker in
            let bus = try BusTerminal(broker)
            let topic = broker.uniqueName("tail")
            try await bus.makeTopic(topic)
            let headers = [BusHeader("tenant", "acme")]
            try await bus.publish(topic, "s1", #"{"message":"one"}"#, "oops", headers: headers)
            let result = try await bus.terminal.run("tail", topic, "--from-beginning", "--json", "--count=2")
            let records = try result.lines.map { try JSONValue.parse($0) }
            try #require(records.count == 2)
            #expect(records[0]["topic"] == .string(topic))
            #expect(records[0]["offset"] == 0)
            #expect(records[0]["key"] == "s1")
            #expect(records[0]["headers"] == ["tenant": "acme"])
            #expect(records[0]["value"] == ["message": "one"])
            #expect(records[1]["raw"] == "oops")
        }
    }

    @Test func whatComesIsShownUntilTheUserEndsIt() async throws {
        try await withBroker { broker in
            let bus = try BusTerminal(broker)
            let topic = broker.uniqueName("tail")
            try await bus.makeTopic(topic, partitions: 2)
            try await bus.publish(topic, "old", #"{"message":"old"}"#)
            // The clock that old records are told by counts in seconds.
            try await Task.sleep(for: .milliseconds(1100))
            let (process, path) = try bus.terminal.start("tail", topic)
            try await eventually("the reader") { process.log().contains("reading \(topic) (partitions: 2)") }
            try await eventually("the new record") {
                try await bus.publish(topic, "new", #"{"message":"new"}"#)
                return output(at: path).contains("  new  ")
            }
            process.signal(SIGINT)
            #expect(try await process.wait() == .exited(0))
            #expect(!output(at: path).contains("old"))
        }
    }

    @Test func anUnknownTopicIsRefusedWithTheKnownOnes() async throws {
        try await withBroker { broker in
            let bus = try BusTerminal(broker)
            let topic = broker.uniqueName("known")
            try await bus.makeTopic(topic)
            try await bus.terminal.run("tail", "nowhere").expectFailure(1, #"no topic "nowhere""#, topic)
        }
    }

    @Test func aBrokerThatIsAwayIsSaid() async throws {
        let port = try freePort()
        let terminal = OperatorTerminal(settings: ["PARLEY_KAFKA_BROKERS": "127.0.0.1:\(port)"])
        try await terminal.run("tail", "any").expectFailure(1, "the broker: ", "PARLEY_KAFKA_BROKERS")
    }

    @Test func wrongArgumentsAreRefused() async throws {
        let terminal = OperatorTerminal(settings: ["PARLEY_KAFKA_BROKERS": "127.0.0.1:1"])
        try await terminal.run("tail").expectFailure(64, "TOPIC is missing", "parleyctl tail --help")
        try await terminal.run("tail", "t", "--count", "0").expectFailure(64, "--count")
        try await terminal.run("tail", "t", "--session", "a b").expectFailure(64, "--session")
        try await terminal.run("tail", "t", "u").expectFailure(64, #""u" is not understood"#)
        try await OperatorTerminal().run("tail", "t").expectFailure(1, "PARLEY_KAFKA_BROKERS: is not set")
    }
}

@Suite(.timeLimit(.minutes(2))) struct LagTests {
    @Test func groupsAreShownWithWhatTheyHaveNotRead() async throws {
        try await withOwnBroker { broker in
            let bus = try BusTerminal(broker)
            var terminal = bus.terminal
            try await terminal.run("lag").expectFailure(1, "parleyctl topics create")
            terminal.settings["PARLEY_TOPIC_PARTITIONS"] = "2"
            #expect(try await terminal.run("topics", "create").exit == .exited(0))
            let topics = try await terminal.run("topics", "list").lines
            #expect(topics.contains("conversation.inbound\t2"))
            #expect(topics.contains("conversation.inbound.dlq\t1"))
            try await bus.publish("tool.requests", "s1", "{}", "{}", "{}")

            let consumer = try BusConsumer(
                configuration: bus.configuration,
                group: "reader",
                topics: ["tool.requests"],
                logger: .disabled
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await consumer.run { _ in } }
                try await eventually("the commit", timeout: .seconds(60)) {
                    let result = try await terminal.run("lag", "--group", "reader")
                    return result.rows.contains { Array($0.suffix(3)) == ["3", "3", "0"] }
                }
                consumer.shutdown()
                try await group.waitForAll()
            }
            try await bus.publish("tool.requests", "s1", "{}", "{}")
            let reader = try await terminal.run("lag", "--group", "reader")
            #expect(reader.rows.contains { $0[1] == "tool.requests" && Array($0.suffix(3)) == ["3", "5", "2"] })
            #expect(reader.rows.allSatisfy { $0[0] == "reader" && $0[1] == "tool.requests" })

            // A command gives a broker 5 s for an answer, which is not enough on a machine that is very busy.
            let all = try await eventuallyValue("the lag of all groups") {
                let result = try await terminal.run("lag")
                return result.exit == .exited(0) ? result : nil
            }
            #expect(all.lines.first?.hasPrefix("GROUP") ?? false)
            #expect(
                all.rows.filter { $0[0] == "parley-worker" }.map { $0[1] + "/" + $0[2] } == [
                    "conversation.inbound/0", "conversation.inbound/1", "tool.results/0", "tool.results/1",
                ]
            )
            let executor = all.rows.filter { $0[0] == "parley-executor" }
            #expect(executor.map(\.count) == [6, 6])
            #expect(executor.contains { Array($0.suffix(3)) == ["-", "5", "5"] })
            try await terminal.run("lag", "--group", "nobody").expectFailure(1, #""nobody""#, "parley-worker")
        }
    }
}
