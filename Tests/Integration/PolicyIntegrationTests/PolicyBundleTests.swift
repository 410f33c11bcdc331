import Foundation
import JSON
import Policy
import TestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct PolicyBundleTests {
    private func folder(_ files: [String: String]) throws -> String {
        let folder = try TemporaryFolder.shared.makeFolder("policies")
        for (name, text) in files {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
        }
        return folder
    }

    @Test func readsPoliciesAndSettings() throws {
        let files = [
            "b.rego": "package b", "a.rego": "package a", "a_test.rego": "package t", "data.json": #"{"x":1}"#,
            "c.md": "",
        ]
        let path = try folder(files)
        let bundle = try PolicyBundle(folder: path)
        #expect(bundle.modules.map(\.name) == ["a.rego", "b.rego"])
        #expect(bundle.modules.map(\.source) == ["package a", "package b"])
        #expect(bundle.data["x"] == 1)
        #expect(try PolicyBundle(folder: path, withTests: true).modules.count == 3)
        #expect(try PolicyBundle(folder: try folder(["a.rego": "package a"])).data.isEmpty)
    }

    @Test(arguments: [
        [:], ["a_test.rego": "package a"], ["a.rego": "package a", "data.json": "[]"],
        ["a.rego": "package a", "data.json": "{"], ["a.rego": "package a\0allow := true"],
    ])
    func refusesFoldersThatCannotBeUsed(files: [String: String]) throws {
        let path = try folder(files)
        let error = #expect(throws: PolicyError.self) { try PolicyBundle(folder: path) }
        #expect(error?.code == .unreadable)
    }

    @Test func filesAndTheirNumberAreLimited() throws {
        let fits = String(repeating: "#", count: PolicyBundle.fileBytesMax)
        #expect(try PolicyBundle(folder: try folder(["a.rego": fits])).modules.count == 1)
        let tooLong = try folder(["a.rego": fits + "#"])
        #expect(throws: PolicyError.self) { try PolicyBundle(folder: tooLong) }
        var many = Dictionary(uniqueKeysWithValues: (0..<PolicyBundle.modulesMax).map { ("\($0).rego", "package a") })
        #expect(try PolicyBundle(folder: try folder(many)).modules.count == PolicyBundle.modulesMax)
        many["more.rego"] = "package a"
        let tooMany = try folder(many)
        #expect(throws: PolicyError.self) { try PolicyBundle(folder: tooMany) }
        #expect(throws: PolicyError.self) { try PolicyBundle(folder: "/nowhere") }
    }
}
