/// From where on the news of each tenant are to be read of which somebody listens.
///
/// Each tenant has a horizon of its own: one that is listened to while a reading is on its way goes on from its own
/// beginning, not from the end of a reading that was not for it.
struct NoticeHorizons {
    private var horizons: [String: String] = [:]

    /// Whether a tenant's news are read already.
    func has(_ tenantID: String) -> Bool { horizons[tenantID] != nil }

    /// Reads a tenant's news from a horizon on, unless they are read already.
    mutating func begin(_ tenantID: String, at horizon: String) {
        if horizons[tenantID] == nil { horizons[tenantID] = horizon }
    }

    /// What is to be read now; a tenant of which nobody listens any more is forgotten.
    mutating func reading(for listening: Set<String>) -> [String: String] {
        horizons = horizons.filter { listening.contains($0.key) }
        return horizons
    }

    /// What was to be read has been read up to a horizon.
    mutating func advance(_ reading: [String: String], to horizon: String) {
        for tenantID in reading.keys where horizons[tenantID] != nil { horizons[tenantID] = horizon }
    }
}
