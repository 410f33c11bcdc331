import Testing

@testable import ServiceKit

struct RareNoticeTests {
    private let start = ContinuousClock.now

    @Test func saysTheSameOnceThenRarely() {
        var notice = RareNotice()
        #expect(notice.isDue("database", now: start) == true)
        #expect(notice.isDue("database", now: start + .milliseconds(250)) == false)
        #expect(notice.isDue("database", now: start + RareNotice.interval - .nanoseconds(1)) == false)
        #expect(notice.isDue("database", now: start + RareNotice.interval) == true)
        #expect(notice.isDue("database", now: start + RareNotice.interval + .seconds(1)) == false)
    }

    @Test func saysWhatIsNewAtOnce() {
        var notice = RareNotice()
        #expect(notice.isDue("database", now: start) == true)
        #expect(notice.isDue("broker", now: start) == true)
        #expect(notice.isDue("database", now: start) == true)
    }
}
