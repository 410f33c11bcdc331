import Testing

@testable import parley_gateway

/// From where on the news of each tenant are read.
struct NoticeHorizonsTests {
    @Test("A tenant that is listened to while a reading is on its way goes on from its own beginning")
    func newcomer() {
        var horizons = NoticeHorizons()
        horizons.begin("old", at: "10")
        let reading = horizons.reading(for: ["old", "new"])
        #expect(reading == ["old": "10"])
        #expect(!horizons.has("new"))
        horizons.begin("new", at: "15")
        // The reading saw everything below 20, but only of the tenant that it was for.
        horizons.advance(reading, to: "20")
        #expect(horizons.reading(for: ["old", "new"]) == ["old": "20", "new": "15"])
    }

    @Test("Who listens besides others of the tenant changes nothing, and a tenant that nobody listens to is forgotten")
    func others() {
        var horizons = NoticeHorizons()
        horizons.begin("a", at: "10")
        horizons.begin("a", at: "12")
        let reading = horizons.reading(for: ["a"])
        #expect(reading == ["a": "10"])
        #expect(horizons.reading(for: []).isEmpty && !horizons.has("a"))
        // A reading that was on its way for it does not bring it back.
        horizons.advance(reading, to: "20")
        #expect(!horizons.has("a"))
        horizons.begin("a", at: "30")
        #expect(horizons.reading(for: ["a"]) == ["a": "30"])
    }
}
