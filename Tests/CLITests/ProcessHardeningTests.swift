import JOSE
import Testing

@testable import CLI

@Suite("Process hardening")
struct ProcessHardeningTests {
    @Test("hardened means: not dumpable, no core file, new files for the owner alone")
    func hardened() {
        let good = ProcessHardening.Facts(isDumpable: false, coreLimit: 0, lockLimit: nil, umask: 0o077)
        #expect(good.isHardened)
        var dumpable = good
        dumpable.isDumpable = true
        #expect(!dumpable.isHardened)
        var core = good
        core.coreLimit = nil
        #expect(!core.isHardened)
        var open = good
        open.umask = 0o022
        #expect(!open.isHardened)
    }

    @Test("what holds is told in plain members")
    func document() {
        let facts = ProcessHardening.Facts(isDumpable: true, coreLimit: nil, lockLimit: 65_536, umask: 0o022)
        let expected: JSONObject = [
            "hardened": false, "dumpable": true, "core_limit": "unlimited", "lock_limit": 65_536, "umask": "022",
        ]
        #expect(JSON.object(facts.document) == JSON.object(expected))
    }
}
