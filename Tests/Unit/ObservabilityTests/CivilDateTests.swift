import Observability
import Testing

@Suite struct CivilDateTests {
    @Test func datesAndDaysAreInverseAndInOrder() {
        var before = CivilDate(daysSince1970: -800_001)
        for days in Int64(-800_000)...800_000 {
            let date = CivilDate(daysSince1970: days)
            if date.daysSince1970 != days { Issue.record("day \(days) is \(date)") }
            let isNext =
                date.year == before.year && date.month == before.month
                ? date.day == before.day + 1 : date.day == 1 && (28...31).contains(before.day)
            if !isNext { Issue.record("\(date) follows \(before)") }
            before = date
        }
    }

    @Test(arguments: [
        (Int64(0), Int64(1970), Int64(1), Int64(1)), (11_016, 2000, 2, 29), (11_017, 2000, 3, 1),
        (-1, 1969, 12, 31), (20_778, 2026, 11, 21), (-25_509, 1900, 2, 28), (-25_508, 1900, 3, 1),
    ])
    func knownDates(days: Int64, year: Int64, month: Int64, day: Int64) {
        #expect(CivilDate(daysSince1970: days) == CivilDate(year: year, month: month, day: day))
        #expect(CivilDate(year: year, month: month, day: day).daysSince1970 == days)
    }

    @Test func secondsOfTheDayAreCountedFromItsBeginningBefore1970Too() {
        for (seconds, day, second) in [
            (Int64(0), Int64(0), Int64(0)), (86_399, 0, 86_399), (-1, -1, 86_399), (-86_400, -1, 0),
        ] {
            let moment = CivilDate.atSeconds(seconds)
            #expect(moment.date.daysSince1970 == day && moment.secondOfDay == second)
        }
        #expect(WallClock(seconds: -1, microseconds: 0).iso8601 == "1969-12-31T23:59:59.000000Z")
    }
}
