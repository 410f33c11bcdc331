import Synchronization
import TestKit
import Testing

@testable import parley_chaos

/// How long the selection of scenarios in `make test` may take, all of it together: a run that takes longer fails.
struct SelectionTime: SuiteTrait, TestScoping {
    /// The most that it may take.
    var limit: Duration

    /// What is wrong with a selection that took so long; nil: nothing.
    func complaint(after time: Duration) -> Comment? {
        guard time > limit else { return nil }
        return """
            the selection of scenarios took \(time.text), and may take \(limit.text): take something out of it, or set \
            \(Self.variable) to more seconds for a slow machine
            """
    }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let start = RunClock()
        try await function()
        if let complaint = complaint(after: start.now) { Issue.record(complaint) }
    }
}

extension Trait where Self == SelectionTime {
    /// All tests of the suite together end within the time of the selection.
    static var withinSelectionTime: SelectionTime { SelectionTime(limit: SelectionTime.limit) }
}

@Suite struct SelectionTimeTests {
    @Test("A selection may take as long as its limit, and no longer")
    func limit() {
        let time = SelectionTime(limit: .seconds(180))
        #expect(time.complaint(after: .seconds(180)) == nil)
        let complaint = time.complaint(after: .seconds(180.1))
        #expect(complaint?.rawValue.contains("took 180.1 s, and may take 180.0 s") == true)
    }

    @Test("The limit is three minutes unless seconds are given that make sense")
    func setting() {
        #expect(SelectionTime.limit(["A": "1"]) == .seconds(180))
        #expect(SelectionTime.limit([SelectionTime.variable: "400"]) == .seconds(400))
        for wrong in ["", "0", "-1", "many"] {
            #expect(SelectionTime.limit([SelectionTime.variable: wrong]) == .seconds(180))
        }
    }

    @Test("A selection that takes longer is run to its end and fails, one that does not is not failed")
    func fails() async throws {
        let test = try #require(Test.current)
        let runs = Counter()
        try await withKnownIssue {
            try await SelectionTime(limit: .zero).provideScope(for: test, testCase: nil) { runs.add() }
        } matching: {
            $0.comments.contains { $0.rawValue.contains(SelectionTime.variable) }
        }
        try await SelectionTime(limit: .seconds(60)).provideScope(for: test, testCase: nil) { runs.add() }
        #expect(runs.count == 2)
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        var count: Int { value.withLock { $0 } }
        func add() { value.withLock { $0 += 1 } }
    }
}
