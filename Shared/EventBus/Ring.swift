/// A first-in-first-out queue over a circular array: constant time at both ends, grows by doubling.
struct Ring<Element: Sendable>: Sendable {
    private var slots: [Element?] = []
    private var head = 0
    /// How many elements are in the queue.
    private(set) var count = 0

    init() {}

    /// True when nothing is in the queue.
    var isEmpty: Bool { count == 0 }

    /// The element that is taken next.
    var first: Element? { count == 0 ? nil : slots[head] }

    /// Adds at the end.
    mutating func append(_ element: Element) {
        growIfFull()
        slots[(head + count) & (slots.count - 1)] = element
        count += 1
    }

    /// Adds at the front: it is taken next.
    mutating func prepend(_ element: Element) {
        growIfFull()
        head = (head - 1) & (slots.count - 1)
        slots[head] = element
        count += 1
    }

    /// Takes the first element.
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        slots[head] = nil
        head = (head + 1) & (slots.count - 1)
        count -= 1
        return element
    }

    /// The element at this distance from the first.
    subscript(position: Int) -> Element? {
        get { position < count ? slots[(head + position) & (slots.count - 1)] : nil }
        set {
            precondition(
                position >= 0 && position < count && newValue != nil,
                "a ring is only written where it is full"
            )
            slots[(head + position) & (slots.count - 1)] = newValue
        }
    }

    /// Takes out every element that does not satisfy the condition; order stays.
    mutating func keep(where isKept: (Element) -> Bool) {
        for _ in 0..<count {
            guard let element = popFirst() else { return }
            if isKept(element) {
                append(element)
            }
        }
    }

    private mutating func growIfFull() {
        guard count == slots.count else { return }
        var grown = [Element?](repeating: nil, count: max(4, slots.count * 2))
        for position in 0..<count {
            grown[position] = slots[(head + position) & (slots.count - 1)]
        }
        slots = grown
        head = 0
    }
}
