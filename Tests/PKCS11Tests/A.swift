import Testing
import CountingModuleSupport
@Test func counts() throws {
    let m = try CountingModule(inFrontOf: "/usr/lib/softhsm/libsofthsm2.so"); #expect(m.count(of: "C_Sign") == 0)
}
