/// The part of a pattern that is its present: from the event of the first match to that of the last.
struct PresentRange {
    /// Its first symbol, which is the first of an event.
    let start: Int
    /// One beyond its last symbol, which is the last of an event.
    let end: Int

    /// Rounds the range of the blocks outward to whole events.
    ///
    /// When the first block starts an event and the event before holds the block's first symbol as well, that one is in
    /// the present too. Without a block everything is present.
    @inline(__always)
    init(of pattern: UnsafeBufferPointer<UInt32>, _ summary: BlockSummary) {
        guard summary.blocks > 0 else {
            start = 0
            end = pattern.count
            return
        }
        var last = summary.end
        while last < pattern.count, pattern[last] & PatternSegment.eventStart == 0 { last += 1 }
        end = last
        var first = summary.start
        while pattern[first] & PatternSegment.eventStart == 0 { first -= 1 }
        guard first == summary.start, first > 0 else {
            start = first
            return
        }
        let symbol = pattern[first] & PatternSegment.symbolBits
        var position = first
        var holdsSymbol = false
        repeat {
            position -= 1
            if pattern[position] & PatternSegment.symbolBits == symbol { holdsSymbol = true }
        } while pattern[position] & PatternSegment.eventStart == 0
        start = holdsSymbol ? position : first
    }
}
