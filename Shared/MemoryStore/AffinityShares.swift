import JSON
import Memory

/// What the symbols of a node have of each feeling by each pattern.
///
/// A symbol's affinity is summed in the order of the patterns' names, so that every process comes to the same number
/// of the same patterns, in whatever order it has read them; and once for all patterns that are read together.
struct AffinityShares: Sendable {
    /// What every symbol of a pattern has by it.
    private var shares: [PatternName: [String: Double]] = [:]
    /// The patterns with a share that hold a symbol, in the order of their names but for those that have come since
    /// its affinity was summed.
    private var holders: [ExactText: [PatternName]] = [:]
    /// The symbols whose sum is not what it was.
    private var changed: Set<ExactText> = []
    /// What the shares and the names of the symbols take; and how many patterns all symbols have together.
    private var heldBytes = 0
    private var holderCount = 0

    /// About how many bytes of memory it takes.
    var memoryBytes: Int {
        // An array that grows has up to twice the places that it needs.
        heldBytes + 96 * (shares.count + holders.count) + 2 * MemoryLayout<PatternName>.stride * holderCount
    }

    /// Sets what the symbols of a pattern have by it.
    mutating func set(_ affinity: [String: Double], by pattern: Pattern) {
        let old = shares[pattern.name]
        if old == nil, affinity.isEmpty { return }
        if old == affinity { return }
        shares[pattern.name] = affinity
        heldBytes += HeldBytes.of(affinity) - (old.map(HeldBytes.of) ?? 0)
        for symbol in Set(pattern.events.joined().map { ExactText($0) }) {
            changed.insert(symbol)
            if old == nil { add(pattern.name, holding: symbol) }
        }
    }

    /// The symbols whose affinity has changed since this was asked last, with what it is now.
    mutating func takeChanges() -> [(symbol: String, affinity: [String: Double])] {
        defer { changed = [] }
        return changed.map { symbol in
            holders[symbol]?.sort()
            var total: [String: Double] = [:]
            for name in holders[symbol] ?? [] {
                if let share = shares[name] { total.merge(share, uniquingKeysWith: +) }
            }
            return (symbol.text, total)
        }
    }

    private mutating func add(_ name: PatternName, holding symbol: ExactText) {
        if holders[symbol] == nil { heldBytes += HeldBytes.of(symbol.text) }
        holders[symbol, default: []].append(name)
        holderCount += 1
    }
}
