import Testing

@testable import EventLoop

@Suite("TimerTable")
struct TimerTableTests {
    private let start = ContinuousClock.now

    @Test("tells the nearest timer, also after it was cancelled")
    func nearest() {
        var table = TimerTable()
        #expect(table.nextDue == nil)
        _ = table.add(due: start + .seconds(3)) {}
        let nearest = table.add(due: start + .seconds(1)) {}
        #expect(table.nextDue == start + .seconds(1))
        table.cancel(nearest)
        #expect(table.nextDue == start + .seconds(3))
        table.cancel(nearest)
        #expect(table.nextDue == start + .seconds(3))
    }

    @Test("gives what is due, the longest overdue first, and nothing before its time")
    func order() {
        var table = TimerTable()
        let late = table.add(due: start + .seconds(2)) {}
        let early = table.add(due: start + .seconds(1)) {}
        _ = table.add(due: start + .seconds(3)) {}
        #expect(table.due(at: start).isEmpty)
        #expect(table.due(at: start + .seconds(2)) == [early, late])
    }

    @Test("a timer without a period goes when it is taken; one with a period counts from then")
    func periods() {
        var table = TimerTable()
        let once = table.add(due: start) {}
        #expect(table.take(once, at: start) != nil)
        #expect(table.take(once, at: start) == nil)
        #expect(table.nextDue == nil)
        let again = table.add(due: start, period: .seconds(5)) {}
        #expect(table.take(again, at: start + .seconds(100)) != nil)
        #expect(table.nextDue == start + .seconds(105))
    }
}
