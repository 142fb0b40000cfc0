import Foundation
import Synchronization
import Testing

@testable import Vault

@Suite("Argon2id")
struct Argon2idTests {
    @Test("the published vector with secret and associated data (RFC 9106, section 5.3)")
    func standard() throws {
        let key = try Argon2id.derive(
            from: [UInt8](repeating: 1, count: 32), salt: [UInt8](repeating: 2, count: 16), cost: (32, 3, 4),
            secret: [UInt8](repeating: 3, count: 8), associated: [UInt8](repeating: 4, count: 12)
        )
        #expect(key.bytes.hex == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
    }

    struct Vector: Sendable, CustomTestStringConvertible {
        let password: String
        let salt: String
        let memory: Int
        let passes: Int
        let lanes: Int
        let key: String

        var testDescription: String { "\(password) \(salt) m=\(memory) t=\(passes) p=\(lanes)" }
    }

    static let reference = [
        Vector(
            password: "password", salt: "somesalt", memory: 65_536, passes: 2, lanes: 1,
            key: "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        ),
        Vector(
            password: "password", salt: "somesalt", memory: 256, passes: 2, lanes: 1,
            key: "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"
        ),
        Vector(
            password: "password", salt: "somesalt", memory: 256, passes: 2, lanes: 2,
            key: "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"
        ),
        Vector(
            password: "password", salt: "somesalt", memory: 65_536, passes: 1, lanes: 1,
            key: "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98"
        ),
        Vector(
            password: "differentpassword", salt: "somesalt", memory: 65_536, passes: 2, lanes: 1,
            key: "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde"
        ),
        Vector(
            password: "password", salt: "diffsalt", memory: 65_536, passes: 2, lanes: 1,
            key: "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c"
        ),
    ]

    @Test("the vectors of the reference implementation, version 1.3", arguments: reference)
    func published(_ vector: Vector) throws {
        let key = try Argon2id.derive(
            from: Array(vector.password.utf8), salt: Array(vector.salt.utf8),
            cost: (vector.memory, vector.passes, vector.lanes)
        )
        #expect(key.bytes.hex == vector.key)
    }

    @Test(
        "what the library refuses is an error and no key", arguments: [(7, 1, 1), (32, 0, 1), (32, 1, 0), (-1, 1, 1)])
    func refused(memory: Int, passes: Int, lanes: Int) {
        #expect(throws: VaultError.self) {
            try Argon2id.derive(
                from: Array("password".utf8), salt: Array("somesalt".utf8), cost: (memory, passes, lanes)
            )
        }
        #expect(throws: VaultError.self) {
            try Argon2id.derive(from: Array("password".utf8), salt: [1, 2, 3], cost: (32, 1, 1))
        }
    }

    @Test("a cost is refused when guessing would be cheap, or a start impossible")
    func costs() throws {
        #expect(throws: VaultError.costOutOfRange("memory in KiB", Argon2Cost.memory)) {
            try Argon2Cost(memoryKiB: 19_455, passes: 3)
        }
        #expect(throws: VaultError.costOutOfRange("memory in KiB", Argon2Cost.memory)) {
            try Argon2Cost(memoryKiB: 1_048_577, passes: 3)
        }
        #expect(throws: VaultError.costOutOfRange("passes", Argon2Cost.passRange)) {
            try Argon2Cost(memoryKiB: 65_536, passes: 1)
        }
        #expect(throws: VaultError.costOutOfRange("lanes", Argon2Cost.laneRange)) {
            try Argon2Cost(memoryKiB: 65_536, passes: 3, lanes: 17)
        }
        #expect(try Argon2Cost(memoryKiB: 65_536, passes: 3) == .standard)
    }

    @Test("one key is derived at a time; who finds the queue full is told so at once, and later it is free again")
    func bounded() async throws {
        let derivations = Derivations()
        let gate = Gate()
        var running: [Task<Secret, any Error>] = []
        // Each is in the queue before the next one comes.
        for number in 1...Derivations.capacity {
            running.append(Task { try await derivations.run { () throws(VaultError) -> Secret in gate.pass() } })
            while derivations.count < number { try await Task.sleep(for: .milliseconds(1)) }
        }
        await #expect(throws: VaultError.busy) {
            try await derivations.run { () throws(VaultError) -> Secret in gate.pass() }
        }
        gate.open()
        for task in running { #expect(try await task.value.count == 1) }
        #expect(gate.most == 1)
        #expect(derivations.count == 0)
        #expect(try await derivations.run { () throws(VaultError) -> Secret in Secret([7]) }.bytes == [7])
    }
}

/// Holds threads up until it is opened, and knows how many were there at once.
private final class Gate: Sendable {
    private let state = Mutex((isOpen: false, inside: 0, most: 0))

    var most: Int { state.withLock { $0.most } }

    func open() { state.withLock { $0.isOpen = true } }

    func pass() -> Secret {
        state.withLock { state in
            state.inside += 1
            state.most = max(state.most, state.inside)
        }
        while !state.withLock({ $0.isOpen }) { usleep(1000) }
        state.withLock { $0.inside -= 1 }
        return Secret([1])
    }
}
