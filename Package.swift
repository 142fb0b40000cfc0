// swift-tools-version: 6.2
import PackageDescription

// The floors of the house, lowest first. An import may only go down.
//
//   CLI  →  Server | Storage  →  OAuth  →  Vault | Revocations | Certificates  →  JOSE
//
// Server and Storage stand side by side and never see each other.

/// libFuzzer's runtime, when fuzz targets are to be built: Scripts/fuzz names it. Everything of ours is then instrumented.
let fuzzer = Context.environment["LEGATE_FUZZER"]

let strict: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
    ] + (fuzzer == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer"])])

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdHTTP2: Target.Dependency = .product(name: "HummingbirdHTTP2", package: "hummingbird")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")

let package = Package(
    name: "legate",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "legate", targets: ["CLI"]),
        .library(name: "LegateGateway", targets: ["LegateGateway"]),
        .library(name: "LegateGatewayHummingbird", targets: ["LegateGatewayHummingbird"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "JOSE", dependencies: [crypto, cryptoExtras], swiftSettings: strict),
        .target(
            name: "Certificates", dependencies: ["JOSE", crypto, cryptoExtras, x509, asn1], swiftSettings: strict
        ),
        .target(name: "Vault", dependencies: ["JOSE", "CArgon2", "COpenSSL", crypto], swiftSettings: strict),
        .systemLibrary(name: "CProcess"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .target(name: "Revocations", dependencies: ["JOSE"], swiftSettings: strict),
        .target(
            name: "LegateGateway",
            dependencies: [
                "JOSE", "Revocations", crypto, asyncHTTPClient, logging, nioCore, nioHTTP1, nioSSL, serviceLifecycle,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LegateGatewayHummingbird", dependencies: ["LegateGateway", hummingbird, httpTypes, nioCore],
            swiftSettings: strict
        ),
        .target(
            name: "OAuth", dependencies: ["JOSE", "Certificates", "Vault", "Revocations", "CZlib", crypto, deque],
            swiftSettings: strict
        ),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "Storage",
            dependencies: ["JOSE", "Vault", "Revocations", "OAuth", "CZlib", crypto, grdb, sqlite],
            resources: [.embedInCode("Migrations")],
            swiftSettings: strict
        ),
        .target(
            name: "Server",
            dependencies: [
                "JOSE", "Certificates", "Vault", "Revocations", "OAuth", hummingbird, hummingbirdCore, hummingbirdHTTP2,
                httpTypes, asyncHTTPClient, crypto, logging, nioCore,
                nioPosix, nioHTTP1, nioHTTP2, nioHTTPTypes, nioSSL, nioTLS, serviceLifecycle,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "CLI",
            dependencies: [
                "JOSE", "Certificates", "Vault", "Revocations", "OAuth", "Storage", "Server", "LegateGateway",
                "CProcess", argumentParser,
                asyncHTTPClient, configuration, logging,
                nioCore, nioHTTP1, nioPosix, nioSSL, serviceLifecycle, crypto, unixSignals,
            ],
            swiftSettings: strict
        ),

        .target(
            name: "Support",
            dependencies: [
                "JOSE", "Certificates", "Vault", "Revocations", "OAuth", "Storage", "Server", hummingbird,
                asyncHTTPClient, httpTypes, logging,
                nioCore, nioEmbedded, crypto, cryptoExtras, x509, asn1,
            ],
            path: "Tests/Support",
            swiftSettings: strict
        ),
        .testTarget(name: "JOSETests", dependencies: ["JOSE", crypto, cryptoExtras], swiftSettings: strict),
        .testTarget(
            name: "CertificatesTests", dependencies: ["JOSE", "Certificates", "Support", crypto],
            swiftSettings: strict
        ),
        .testTarget(name: "RevocationsTests", dependencies: ["JOSE", "Revocations"], swiftSettings: strict),
        .testTarget(
            name: "LegateGatewayTests",
            dependencies: [
                "JOSE", "Revocations", "LegateGateway", "LegateGatewayHummingbird", asyncHTTPClient, crypto,
                hummingbird,
                logging, nioCore, nioHTTP1,
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "VaultTests", dependencies: ["JOSE", "Vault", "Support", crypto], swiftSettings: strict),
        .testTarget(
            name: "OAuthTests",
            dependencies: ["JOSE", "Certificates", "Vault", "Revocations", "OAuth", "Support", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "StorageTests", dependencies: ["JOSE", "Vault", "Revocations", "OAuth", "Storage", "Support", grdb],
            swiftSettings: strict),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "JOSE", "Certificates", "Vault", "Revocations", "OAuth", "Storage", "Server", "Support", httpTypes,
                logging, nioCore, nioEmbedded, nioHTTP1, nioHTTPTypes,
            ],
            resources: [.copy("Transcripts")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "CLITests", dependencies: ["CLI", "JOSE", "Vault", "Revocations", "OAuth", "Server", argumentParser],
            swiftSettings: strict),
        .executableTarget(
            name: "GatewayExample",
            dependencies: [
                "LegateGateway", "LegateGatewayHummingbird", hummingbird, logging, serviceLifecycle, unixSignals,
            ],
            path: "Tests/Interop/GatewayExample",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "BareHandler",
            dependencies: [hummingbird, nioCore],
            path: "Tests/Benchmarks/BareHandler",
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)

if let fuzzer {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "Fuzz", dependencies: ["JOSE", "Certificates", "OAuth", "CFuzzer"], path: "Tests/Fuzz/Fuzz",
            swiftSettings: strict, linkerSettings: [.unsafeFlags([fuzzer]), .linkedLibrary("stdc++")]
        ),
    ]
}
