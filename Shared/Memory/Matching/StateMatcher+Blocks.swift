extension StateMatcher {
    /// The blocks of a state of up to 64 symbols; in the order in which they are found.
    @inline(__always)
    mutating func narrowBlocks(_ found: (_ pattern: Int, _ state: Int, _ length: Int) -> Void) {
        open.append((0, patternLength, 0, length))
        while let range = open.popLast() {
            meter.spend(range.patternHigh - range.patternLow)
            let best = narrowRun(range.patternLow, range.patternHigh, range.stateLow, range.stateHigh)
            if meter.isOver {
                open.removeAll()
                return
            }
            guard best.length > 0 else { continue }
            found(best.pattern, best.state, best.length)
            if range.patternLow < best.pattern, range.stateLow < best.state {
                open.append((range.patternLow, best.pattern, range.stateLow, best.state))
            }
            let patternEnd = best.pattern + best.length
            let stateEnd = best.state + best.length
            if patternEnd < range.patternHigh, stateEnd < range.stateHigh {
                open.append((patternEnd, range.patternHigh, stateEnd, range.stateHigh))
            }
        }
    }

    /// The longest common run of a range; its length is 0 when there is none.
    ///
    /// `runs[i]` has a bit for each position of the state at which a common run of the length in question ends that
    /// also ends at i in the pattern. One more symbol: those of i − 1, shifted by one, where the symbols are the same.
    @inline(__always)
    private func narrowRun(
        _ patternLow: Int,
        _ patternHigh: Int,
        _ stateLow: Int,
        _ stateHigh: Int
    )
        -> (pattern: Int, state: Int, length: Int)
    {
        let range = (UInt64.max << UInt64(stateLow)) & (UInt64.max >> UInt64(64 - stateHigh))
        var first = -1
        var position = patternHigh - 1
        while position >= patternLow {
            let run = rows[position] & range
            runs[position] = run
            if run != 0 { first = position }
            position -= 1
        }
        guard first >= 0 else { return (0, 0, 0) }
        var length = 1
        while true {
            var next = -1
            // From the end, so that what stands before is still that of the shorter runs.
            position = patternHigh - 1
            while position > first {
                let run = (runs[position - 1] << 1) & rows[position] & range
                runs[position] = run
                if run != 0 { next = position }
                position -= 1
            }
            guard next >= 0 else { break }
            first = next
            length += 1
        }
        return (first - length + 1, runs[first].trailingZeroBitCount - length + 1, length)
    }

    /// The blocks of a state of any length; in the order in which they are found.
    mutating func wideBlocks(_ found: (_ pattern: Int, _ state: Int, _ length: Int) -> Void) {
        open.append((0, patternLength, 0, length))
        var meter = meter
        defer { self.meter = meter }
        while let range = open.popLast() {
            let best = wide.run(
                patternSlots,
                range.patternLow..<range.patternHigh,
                UInt32(range.stateLow)..<UInt32(range.stateHigh),
                &meter
            )
            if meter.isOver {
                open.removeAll()
                return
            }
            guard best.length > 0 else { continue }
            found(best.pattern, best.state, best.length)
            if range.patternLow < best.pattern, range.stateLow < best.state {
                open.append((range.patternLow, best.pattern, range.stateLow, best.state))
            }
            let patternEnd = best.pattern + best.length
            let stateEnd = best.state + best.length
            if patternEnd < range.patternHigh, stateEnd < range.stateHigh {
                open.append((patternEnd, range.patternHigh, stateEnd, range.stateHigh))
            }
        }
    }
}

/// The longest common run with a state of more than 64 symbols: `difflib`'s own way, with the lengths of the runs that
/// end at each position of the state.
struct WideBlocks {
    /// For each row the positions of its symbol in the state, ascending.
    private var positions: [UInt32]
    private var offsets: [Int]
    /// The lengths of the runs that end at the pattern's position, by position in the state plus one.
    private var current: [UInt32]
    /// The same for the pattern's position before.
    private var previous: [UInt32]

    /// Notes where each symbol stands.
    init(state: [UInt32], rows: Int) {
        offsets = Array(repeating: 0, count: rows + 1)
        for slot in state { offsets[Int(slot) + 1] += 1 }
        for row in 0..<rows { offsets[row + 1] += offsets[row] }
        positions = Array(repeating: 0, count: state.count)
        var next = offsets
        for (position, slot) in state.enumerated() {
            positions[next[Int(slot)]] = UInt32(position)
            next[Int(slot)] += 1
        }
        current = Array(repeating: 0, count: state.count + 1)
        previous = current
    }

    /// The longest run of a range; its length is 0 when there is none.
    mutating func run(
        _ pattern: UnsafePointer<UInt32>,
        _ range: Range<Int>,
        _ state: Range<UInt32>,
        _ meter: inout WorkMeter
    )
        -> (pattern: Int, state: Int, length: Int)
    {
        var best = (pattern: 0, state: 0, length: 0)
        var before = 0..<0
        for place in range {
            let slot = Int(pattern[place])
            let here = slot == 0 ? 0..<0 : offsets[slot]..<offsets[slot + 1]
            meter.spend(2 * here.count + 2)
            if meter.isOver { break }
            for entry in here {
                let position = positions[entry]
                if position < state.lowerBound { continue }
                if position >= state.upperBound { break }
                let length = previous[Int(position)] + 1
                current[Int(position) + 1] = length
                if Int(length) > best.length {
                    best = (place + 1 - Int(length), Int(position) + 1 - Int(length), Int(length))
                }
            }
            for entry in before { previous[Int(positions[entry]) + 1] = 0 }
            swap(&current, &previous)
            before = here
        }
        for entry in before { previous[Int(positions[entry]) + 1] = 0 }
        return best
    }
}
