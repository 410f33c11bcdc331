import EventBus
import JSON
import Postgres
import Resilience
import Store
import Testing

@testable import ServiceKit

struct RecordFaultTests {
    private struct Strange: Error {
        let text = "what a user said"
    }

    private static func server(_ state: String) -> PostgresError {
        PostgresError(.server(sqlState: state), "refused")
    }

    @Test func whatAHandlerDependsOnDoesNotCount() {
        // What disk, lock, memory, schema, standby and shutdown say: none of it is about the record.
        for state in ["08006", "25006", "28P01", "40001", "42P01", "53100", "53300", "55P03", "57P01", "58030"] {
            #expect(RecordFault(Self.server(state)) == .dependency, "\(state)")
        }
        for code in [PostgresError.Code.connection, .timeout, .poolTimeout, .overloaded, .closed, .unavailable] {
            #expect(RecordFault(PostgresError(code, "away")) == .dependency)
        }
        #expect(RecordFault(CancellationError()) == .dependency)
        struct Away: DependencyError {
            var outcome: CircuitBreakerStateMachine.Outcome { .failure }
            var verdict: Retrier.Verdict { .giveUp }
        }
        #expect(RecordFault(Away()) == .dependency)
    }

    @Test func whatTheDatabaseWillSayAgainIsHopeless() {
        for state in ["22021", "23505", "54000"] {
            guard case .hopeless(.unprocessable, _) = RecordFault(Self.server(state)) else {
                Issue.record("\(state)")
                continue
            }
        }
        #expect(RecordFault(RecordRefusal(.overloaded, "full")) == .hopeless(.overloaded, detail: "full"))
        guard case .hopeless(.unprocessable, _) = RecordFault(StoreError(code: .corrupt, message: "broken")) else {
            Issue.record("corrupt")
            return
        }
    }

    @Test func everythingElseCountsAndIsNamedWithoutItsWords() {
        for state in ["P0001", "XX000", "44000"] {
            guard case .unknown = RecordFault(Self.server(state)) else {
                Issue.record("\(state)")
                continue
            }
        }
        #expect(RecordFault(Strange()) == .unknown(detail: "Strange"))
        guard case .unknown = RecordFault(StoreError.fenced) else {
            Issue.record("fenced")
            return
        }
    }
}

struct RecordFailuresTests {
    private static func record(_ offset: Int64, partition: Int32 = 0, topic: String = "t") -> BusRecord {
        BusRecord(topic: topic, partition: partition, offset: offset, key: "k", value: [])
    }

    @Test func eachRecordIsCountedByItself() {
        let failures = RecordFailures()
        #expect(failures.forget(Self.record(1)) == 0)
        #expect([1, 2, 3] == (0..<3).map { _ in failures.count(Self.record(1)) })
        #expect(failures.count(Self.record(2)) == 1)
        #expect(failures.count(Self.record(1, partition: 1)) == 1)
        #expect(failures.count(Self.record(1, topic: "u")) == 1)
        #expect(failures.forget(Self.record(1)) == 3)
        #expect(failures.count(Self.record(1)) == 1)
        #expect(failures.forget(Self.record(2)) == 1)
    }

    @Test func moreThanAreUnderWayAreNotKept() {
        let failures = RecordFailures()
        for offset in 0..<RecordFailures.recordsMax { _ = failures.count(Self.record(Int64(offset))) }
        #expect(failures.count(Self.record(0)) == 2)
        // One more pushes out the one that failed longest ago.
        _ = failures.count(Self.record(Int64(RecordFailures.recordsMax)))
        #expect(failures.forget(Self.record(1)) == 0)
        #expect(failures.forget(Self.record(0)) == 2)
    }
}
