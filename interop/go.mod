module github.com/permledger/permledger/interop

go 1.26
