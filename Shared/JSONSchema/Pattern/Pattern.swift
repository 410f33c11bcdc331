/// A compiled regular expression of ECMA-262 with the flag `u`, as JSON Schema's `pattern` means it: found anywhere.
///
/// Three matchers, the cheapest that will do: a run of character sets anchored at the start (`^[A-Za-z]{1,128}$`) is
/// checked in one pass; other patterns run all alternatives in parallel in linear time; only backreferences and
/// look-around backtrack. Each has a budget of steps, so that no pattern and text together can stall a service.
package struct Pattern: Sendable {
    private enum Matcher: Sendable {
        case runs(RunMatcher)
        case parallel(PatternProgram)
        case backtracking(PatternProgram)
    }

    /// The expression as it was written.
    package let source: String
    /// Greatest number of steps of one match.
    package let stepsMax: Int
    private let matcher: Matcher

    init(_ source: String, stepsMax: Int = 10_000_000) throws(PatternError) {
        self.source = source
        self.stepsMax = stepsMax
        var parser = PatternParser(source)
        let node = try parser.parse()
        if let runs = RunMatcher(node) {
            matcher = .runs(runs)
        } else {
            let program = try PatternProgram(node, groupCount: parser.groupCount)
            matcher = parser.needsBacktracking ? .backtracking(program) : .parallel(program)
        }
    }

    /// Whether the pattern can be found in `text`.
    package func match(_ text: String) -> PatternOutcome {
        if let outcome = text.utf8.withContiguousStorageIfAvailable({ match($0) }) { return outcome }
        var copy = text
        return copy.withUTF8 { match($0) }
    }

    private func match(_ bytes: UnsafeBufferPointer<UInt8>) -> PatternOutcome {
        let text = ScalarText(bytes: bytes)
        switch matcher {
        case .runs(let runs): return runs.matches(text) ? .matched : .unmatched
        case .parallel(let program):
            var matcher = ParallelMatcher(program: program, text: text, stepsMax: stepsMax)
            return matcher.match()
        case .backtracking(let program):
            var matcher = BacktrackingMatcher(program: program, text: text, stepsMax: stepsMax)
            return matcher.match()
        }
    }
}

/// Matches a sequence of character sets with counts, anchored at the start, by always taking as much as possible.
///
/// That is right only where it never has to give back, which is checked beforehand.
struct RunMatcher: Sendable {
    private struct Run: Sendable {
        let set: ScalarSet
        let least: Int
        let most: Int
    }

    private let runs: [Run]
    private let isAnchoredAtEnd: Bool

    /// Nil when the expression is of another form.
    init?(_ node: PatternNode) {
        guard case .sequence(var nodes) = node, nodes.first == .start else { return nil }
        nodes.removeFirst()
        isAnchoredAtEnd = nodes.last == .end
        if isAnchoredAtEnd { nodes.removeLast() }
        var runs: [Run] = []
        for node in nodes {
            switch node {
            case .set(let set): runs.append(Run(set: set, least: 1, most: 1))
            case .repetition(.set(let set), let least, let most, _):
                runs.append(Run(set: set, least: least, most: most ?? Int.max))
            default: return nil
            }
        }
        guard Self.neverGivesBack(runs, isAnchoredAtEnd) else { return nil }
        self.runs = runs
    }

    /// A run that may take more or fewer must share no scalar with whatever can follow it.
    private static func neverGivesBack(_ runs: [Run], _ isAnchoredAtEnd: Bool) -> Bool {
        for (position, run) in runs.enumerated() where run.least != run.most {
            for follower in runs[(position + 1)...] {
                guard run.set.isDisjoint(with: follower.set) else { return false }
                if follower.least > 0 { break }
            }
        }
        return true
    }

    @inline(__always)
    func matches(_ text: ScalarText) -> Bool {
        var position = 0
        for run in runs {
            var count = 0
            while count < run.most, position < text.count {
                let (value, next) = text.scalar(at: position)
                guard run.set.contains(value) else { break }
                position = next
                count += 1
            }
            guard count >= run.least else { return false }
        }
        return !isAnchoredAtEnd || position == text.count
    }
}
