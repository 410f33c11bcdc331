/// What became of a match.
package enum PatternOutcome: Sendable, Equatable {
    /// The pattern is found in the text.
    case matched
    /// It is not.
    case unmatched
    /// The step budget ran out before that was known.
    case exhausted
}

/// Follows all ways through the program at once (Thompson 1968): time is at most the length of the text times that of
/// the program, whatever the pattern.
///
/// For patterns without backreferences and look-around.
struct ParallelMatcher {
    let program: PatternProgram
    let text: ScalarText
    var steps: Int
    private var current: [Int] = []
    private var following: [Int] = []
    private var marks: [Int]
    private var generation = 0
    private var stack: [Int] = []

    init(program: PatternProgram, text: ScalarText, stepsMax: Int) {
        self.program = program
        self.text = text
        self.steps = stepsMax
        self.marks = Array(repeating: 0, count: program.instructions.count)
    }

    mutating func match() -> PatternOutcome {
        var position = 0
        generation = 1
        if add(0, at: 0, to: \.current) { return .matched }
        while position < text.count {
            let (value, next) = text.scalar(at: position)
            generation += 1
            following.removeAll(keepingCapacity: true)
            for place in current {
                guard case .set(let set) = program.instructions[place], program.sets[set].contains(value) else {
                    continue
                }
                if add(place + 1, at: next, to: \.following) { return .matched }
            }
            steps -= current.count + 1
            guard steps > 0 else { return .exhausted }
            // The pattern may start anywhere.
            if add(0, at: next, to: \.following) { return .matched }
            swap(&current, &following)
            position = next
        }
        return .unmatched
    }

    /// Adds a place and all that can be reached from it without taking a scalar; true when that is the end.
    private mutating func add(_ start: Int, at position: Int, to list: WritableKeyPath<Self, [Int]>) -> Bool {
        stack.append(start)
        while let place = stack.popLast() {
            guard marks[place] != generation else { continue }
            marks[place] = generation
            steps -= 1
            switch program.instructions[place] {
            case .set: self[keyPath: list].append(place)
            case .split(let first, let second):
                stack.append(second)
                stack.append(first)
            case .jump(let target): stack.append(target)
            case .start: if position == 0 { stack.append(place + 1) }
            case .end: if position == text.count { stack.append(place + 1) }
            case .wordBoundary(let isNegated):
                if text.isWordBoundary(position) != isNegated { stack.append(place + 1) }
            case .save, .progress: stack.append(place + 1)
            case .match:
                stack.removeAll(keepingCapacity: true)
                return true
            case .backreference, .look: break
            }
        }
        return false
    }
}

/// Tries one way after the other and counts its steps, for patterns with backreferences or look-around.
struct BacktrackingMatcher {
    private enum Choice {
        case branch(place: Int, position: Int)
        case restore(slot: Int, value: Int)
    }

    let program: PatternProgram
    let text: ScalarText
    private var steps: Int
    private var slots: [Int]
    private static let nestingMax = 32

    init(program: PatternProgram, text: ScalarText, stepsMax: Int) {
        self.program = program
        self.text = text
        self.steps = stepsMax
        self.slots = Array(repeating: -1, count: program.slotCount)
    }

    mutating func match() -> PatternOutcome {
        var start = 0
        while true {
            for slot in slots.indices { slots[slot] = -1 }
            let end = run(0, start, mustEndAt: nil, nesting: 0)
            if steps <= 0 { return .exhausted }
            if end != nil { return .matched }
            guard start < text.count else { return .unmatched }
            start = text.scalar(at: start).next
        }
    }

    /// Runs from a place and position to a `match`, at `mustEndAt` if that is given; nil when there is no way.
    private mutating func run(_ place: Int, _ position: Int, mustEndAt: Int?, nesting: Int) -> Int? {
        guard nesting <= Self.nestingMax else {
            steps = 0
            return nil
        }
        var choices: [Choice] = [.branch(place: place, position: position)]
        while let choice = choices.popLast() {
            switch choice {
            case .restore(let slot, let value): slots[slot] = value
            case .branch(let place, let position):
                if let end = follow(place, position, &choices, mustEndAt, nesting) { return end }
            }
            guard steps > 0 else { return nil }
        }
        return nil
    }

    private mutating func follow(
        _ start: Int,
        _ startPosition: Int,
        _ choices: inout [Choice],
        _ mustEndAt: Int?,
        _ nesting: Int
    ) -> Int? {
        var place = start
        var position = startPosition
        while steps > 0 {
            steps -= 1
            switch program.instructions[place] {
            case .match: return mustEndAt == nil || mustEndAt == position ? position : nil
            case .set(let set):
                guard position < text.count else { return nil }
                let (value, next) = text.scalar(at: position)
                guard program.sets[set].contains(value) else { return nil }
                position = next
                place += 1
            case .split(let first, let second):
                choices.append(.branch(place: second, position: position))
                place = first
            case .jump(let target): place = target
            case .start:
                guard position == 0 else { return nil }
                place += 1
            case .end:
                guard position == text.count else { return nil }
                place += 1
            case .wordBoundary(let isNegated):
                guard text.isWordBoundary(position) != isNegated else { return nil }
                place += 1
            case .save(let slot):
                choices.append(.restore(slot: slot, value: slots[slot]))
                slots[slot] = position
                place += 1
            case .progress(let slot):
                guard slots[slot] != position else { return nil }
                place += 1
            case .backreference(let group):
                guard let next = repeated(group, at: position) else { return nil }
                position = next
                place += 1
            case .look(let isBehind, let isNegated, let next):
                let isFound = look(place + 1, position, isBehind: isBehind, nesting)
                guard isFound != isNegated else { return nil }
                place = next
            }
        }
        return nil
    }

    /// Where the text of a group ends when it stands again at a position.
    ///
    /// A group that took no part is empty.
    private mutating func repeated(_ group: Int, at position: Int) -> Int? {
        let start = slots[2 * group]
        let end = slots[2 * group + 1]
        guard start >= 0, end >= start else { return position }
        guard position + end - start <= text.count else { return nil }
        steps -= end - start
        for offset in 0..<(end - start) where text.bytes[start + offset] != text.bytes[position + offset] { return nil }
        return position + end - start
    }

    private mutating func look(_ place: Int, _ position: Int, isBehind: Bool, _ nesting: Int) -> Bool {
        guard isBehind else { return run(place, position, mustEndAt: nil, nesting: nesting + 1) != nil }
        var start = position
        while true {
            if run(place, start, mustEndAt: position, nesting: nesting + 1) != nil { return true }
            guard start > 0, steps > 0 else { return false }
            repeat { start -= 1 } while start > 0 && text.bytes[start] & 0xC0 == 0x80
        }
    }
}
