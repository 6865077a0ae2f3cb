import DevPKI
import Glibc
import MTLSClient
import MTLSTestKit
import SecretMemory
import Testing

/// Keys in tokens of different makers, each module in a process of its own: they read their settings from the
/// environment, and one that crashes or hangs is to fail its own test only.
@Suite struct ModuleTests {
    @Test(.enabled(if: Installed.softHSM, "libsofthsm2 is not installed"))
    func softHSMsKeysServe() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage()
                try await stage.run("SoftHSM", module: stage.token.modulePath).run()
            }
        }
    }

    @Test(.enabled(if: Installed.tpm, "swtpm, tpm2-abrmd, tpm2-pkcs11 or its tools, or dbus-daemon is not installed"))
    func aTPMsKeysServe() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await TPMStage(keys: ["rsa2048=RSA-2048", "ecc256=P-256", "ecc384=P-384"])
                try await stage.run().run()
                try await stage.end()
            }
        }
    }

    @Test(.enabled(if: Installed.remoting, "p11-kit or its client module is not installed"))
    func keysBehindRemotingServe() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage()
                let remote = try await stage.remote()
                remote.enter()
                try await stage.run("p11-kit remoting", module: #require(Installed.module("p11-kit-client.so"))).run()
                try await remote.end()
            }
        }
    }

    @Test(.enabled(if: Installed.spy, "opensc-pkcs11 is not installed"))
    func keysBehindALayerServe() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage()
                setenv("PKCS11SPY", stage.token.modulePath, 1)
                setenv("PKCS11SPY_OUTPUT", "/dev/null", 1)
                try await stage.run("OpenSC's spy", module: #require(Installed.module("pkcs11-spy.so"))).run()
            }
        }
    }

    @Test(.enabled(if: Installed.proxy, "p11-kit's proxy, or SoftHSM's registration with it, is not installed"))
    func keysBehindP11KitsProxyServe() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await SoftHSMStage()
                let proxy = try #require(Installed.module("p11-kit-proxy.so"))
                try await stage.run("p11-kit proxy", module: proxy).run()
            }
        }
    }

    /// A module of one's own: see `./dev modules`.
    @Test(.enabled(if: Installed.variable("MODULE_PATH") != nil, "MODULE_PATH names no module"))
    func anyModulesKeysServe() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let path = try #require(Installed.variable("MODULE_PATH"))
                let request = SecretSource.Request(subject: path, name: "PIN")
                let file = try #require(Installed.variable("MODULE_PIN_FILE"), "set it to the file of the PIN")
                let run = try await ModuleRun(
                    "another", module: path, uri: #require(Installed.variable("MODULE_TOKEN"), "set it to a URI"),
                    pin: #require(try await SecretSource.file(file).read(request)),
                    authority: CertificateAuthority(commonName: "Test Root"))
                try await run.run()
            }
        }
    }
}
