import Foundation
import TestKit
import Testing

@testable import Policy

@Suite struct PolicyFolderStateMachineTests {
    private let folder: String

    init() throws {
        folder = try TemporaryFolder.shared.makeFolder("policies")
        try write("a.rego", "one")
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }

    private func stamp() throws -> PolicyBundle.Stamp { try PolicyBundle.Stamp(folder: folder) }

    @Test func whatHasNotChangedIsNotRead() throws {
        var machine = PolicyFolderStateMachine(read: try stamp())
        for _ in 0..<3 {
            let isDue = machine.isDue(try stamp())
            #expect(!isDue)
        }
        #expect(machine.isInForce(try stamp()))
    }

    @Test func aChangeIsReadWhenTwoLooksSawTheSame() throws {
        var machine = PolicyFolderStateMachine(read: try stamp())
        var answers: [Bool] = []
        try write("a.rego", "two")
        answers.append(machine.isDue(try stamp()))
        try write("a.rego", "three")
        answers.append(machine.isDue(try stamp()))
        let last = try stamp()
        // Until it was read.
        answers += [machine.isDue(last), machine.isDue(last)]
        machine.finish(last, isUsable: true)
        answers.append(machine.isDue(last))
        #expect(answers == [false, false, true, true, false])
        #expect(machine.isInForce(last))
    }

    @Test func whatCannotBeUsedIsNotReadAgain() throws {
        var machine = PolicyFolderStateMachine(read: try stamp())
        try write("a.rego", "broken")
        let broken = try stamp()
        var answers = [machine.isDue(broken), machine.isDue(broken)]
        machine.finish(broken, isUsable: false)
        answers.append(machine.isDue(broken))
        #expect(answers == [false, true, false])
        #expect(!machine.isInForce(broken))
    }

    @Test(arguments: [
        ("a.rego", "other", true), ("b.rego", "new", true), ("data.json", "{}", true), ("a_test.rego", "test", false),
        ("notes.txt", "text", false),
    ])
    func aStampIsOfTheFilesThatCount(name: String, text: String, counts: Bool) throws {
        let before = try stamp()
        #expect(try stamp() == before)
        try write(name, text)
        #expect(try (stamp() != before) == counts)
    }

    @Test func aFileThatGoesMakesAnotherStamp() throws {
        try write("b.rego", "new")
        let before = try stamp()
        try FileManager.default.removeItem(atPath: folder + "/b.rego")
        #expect(try stamp() != before)
    }

    @Test func aFolderThatIsNotThereIsAnError() {
        let error = #expect(throws: PolicyError.self) { try PolicyBundle.Stamp(folder: folder + "/none") }
        #expect(error?.code == .unreadable)
    }
}
