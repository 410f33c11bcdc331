import Testing

@testable import parley_worker

struct TurnSlotsTests {
    @Test func slotsAtAndOverTheLimit() async throws {
        let slots = TurnSlots(count: 2)
        try await slots.acquire()
        #expect(slots.tryAcquire())
        #expect(slots.freeCount == 0)
        #expect(!slots.tryAcquire())
        slots.release()
        #expect(slots.freeCount == 1)
        #expect(slots.tryAcquire())
    }

    @Test func whoWaitsLongestComesFirst() async throws {
        let slots = TurnSlots(count: 1)
        try await slots.acquire()
        let order = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<5 {
                group.addTask {
                    try await slots.acquire()
                    return number
                }
                while slots.waitingCount <= number {
                    await Task.yield()
                }
            }
            var order: [Int] = []
            for _ in 0..<5 {
                slots.release()
                if let number = try await group.next() { order.append(number) }
            }
            return order
        }
        #expect(order == [0, 1, 2, 3, 4])
        #expect(slots.freeCount == 0)
        #expect(slots.waitingCount == 0)
    }

    @Test func aCancelledWaiterTakesNoSlot() async throws {
        let slots = TurnSlots(count: 1)
        try await slots.acquire()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await slots.acquire()
                    return false
                } catch is CancellationError {
                    return true
                }
            }
            while slots.waitingCount == 0 {
                await Task.yield()
            }
            group.cancelAll()
            let isCancelled = try await group.next()
            #expect(isCancelled == true)
        }
        #expect(slots.waitingCount == 0)
        slots.release()
        #expect(slots.freeCount == 1)
    }

    @Test func aTaskThatIsCancelledBeforeDoesNotHang() async {
        let slots = TurnSlots(count: 1)
        #expect(slots.tryAcquire())
        await withTaskGroup(of: Bool.self) { group in
            group.cancelAll()
            group.addTask {
                do {
                    try await slots.acquire()
                    return false
                } catch {
                    return true
                }
            }
            #expect(await group.next() == true)
        }
        #expect(slots.freeCount == 0)
    }

    @Test func closedSlotsAreGivenToNobodyAndWhoWaitsIsTold() async throws {
        let slots = TurnSlots(count: 1)
        try await slots.acquire()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await slots.acquire()) == nil }
            while slots.waitingCount == 0 {
                await Task.yield()
            }
            slots.close()
            #expect(await group.next() == true)
        }
        slots.release()
        #expect(slots.freeCount == 1 && !slots.tryAcquire())
        await #expect(throws: CancellationError.self) { try await slots.acquire() }
    }
}
