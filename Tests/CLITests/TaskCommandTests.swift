import ArgumentParser
import JOSE
import Testing

@testable import CLI

@Suite("Tasks on the command line")
struct TaskCommandTests {
    @Test("a name with its client is an operator's business, unless a client is named")
    func road() {
        typealias Road = TaskCommand.Complete.Road
        #expect(TaskCommand.Complete.road(of: "planner/t", as: nil) == Road.operator(client: "planner", name: "t"))
        #expect(TaskCommand.Complete.road(of: "t", as: nil) == Road.client)
        #expect(TaskCommand.Complete.road(of: "t", as: "planner") == Road.client)
        #expect(TaskCommand.Complete.road(of: "planner/t", as: "planner") == Road.client)
    }

    @Test("limits are a duration and a number, or none")
    func limits() throws {
        func document(_ arguments: String...) throws -> JSONObject {
            let command = try #require(
                try Legate.parseAsRoot(["client", "update", "planner"] + arguments) as? ClientCommand.Update)
            return try command.document()
        }
        #expect(
            try document("--max-task-life", "8h", "--max-task-tokens", "50") == [
                "max_task_life": 28_800, "max_task_tokens": 50,
            ])
        #expect(
            try document("--max-task-life", "none", "--max-task-tokens", "none") == [
                "max_task_life": nil, "max_task_tokens": nil,
            ])
        #expect(throws: (any Error).self) { try document("--max-task-life", "8") }
        for text in ["-1", "+5", "1.5", "", "many", "99999999999999999999"] {
            #expect(throws: (any Error).self) { try document("--max-task-tokens=\(text)") }
        }
    }

    @Test("disabling takes a client or an owner, and not both")
    func disable() throws {
        func parse(_ arguments: String...) throws -> ClientCommand.Disable? {
            try Legate.parseAsRoot(["client", "disable"] + arguments) as? ClientCommand.Disable
        }
        #expect(try parse("planner")?.id == "planner")
        #expect(try parse("--owner", "team a")?.owner == "team a")
        #expect(throws: (any Error).self) { try parse() }
        #expect(throws: (any Error).self) { try parse("planner", "--owner", "team a") }
    }
}
