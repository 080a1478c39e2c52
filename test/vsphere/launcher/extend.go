package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// The methods that go to a stricter object than the simulator's.
var strict = map[string]bool{
	"ExtendDisk_Task": true, "DeleteVStorageObject_Task": true, "AttachDisk_Task": true, "DetachDisk_Task": true,
}

// addStrict registers the stricter objects beside the stock ones, and gives each by the other's reference.
func addStrict(model *simulator.Model) map[types.ManagedObjectReference]types.ManagedObjectReference {
	beside := map[types.ManagedObjectReference]types.ManagedObjectReference{}
	manager := model.Map().VStorageObjectManager()
	beside[manager.Self] = model.Map().Put(&strictDisks{manager}).Reference()
	for _, one := range model.Map().All("VirtualMachine") {
		vm := one.(*simulator.VirtualMachine)
		beside[vm.Self] = model.Map().Put(&strictMachine{vm}).Reference()
	}
	return beside
}

// extend gives each host disks and adapters of its own, and the test ways to disturb. It gives the hosts' IQNs.
func extend(model *simulator.Model, array *array) []string {
	var iqns []string
	for at, one := range model.Map().All("HostSystem") {
		host := one.(*simulator.HostSystem)
		iqn := fmt.Sprintf("iqn.1998-01.com.vmware:esx-%d", at+1)
		iqns = append(iqns, iqn)
		// The simulator's own list is one for all hosts.
		device := *host.Config.StorageDevice
		device.ScsiLun = append([]types.BaseScsiLun{}, device.ScsiLun...)
		device.HostBusAdapter = []types.BaseHostHostBusAdapter{&types.HostInternetScsiHba{
			HostHostBusAdapter: types.HostHostBusAdapter{Key: "key-vim.host.InternetScsiHba-vmhba64", Device: "vmhba64", Bus: 64,
				Status: "online", Model: "iSCSI Software Adapter", Driver: "iscsi_vmk"},
			IsSoftwareBased: true, IScsiName: iqn,
		}}
		host.Config.StorageDevice = &device
		host.Hardware.SystemInfo.Uuid = fmt.Sprintf("00000000-0000-4000-8000-%012d", at+1)
		storage := model.Map().Get(*host.ConfigManager.StorageSystem).(*simulator.HostStorageSystem)
		storage.StorageDeviceInfo = &device
		own := &storageSystem{HostStorageSystem: storage, array: array, iqn: iqn}
		model.Map().Put(own)
		system := model.Map().Get(*host.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem)
		model.Map().Put(&datastoreSystem{HostDatastoreSystem: system, storage: own})
	}
	beside := addStrict(model)
	model.Map().Handler = func(_ *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		calls.note(method.Name)
		if other, found := beside[method.This]; found && strict[method.Name] {
			// The session looks the object up again, by this.
			method.This = other
		}
		return nil, nil
	}
	model.Service.HandleFunc("/x/fault", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			model.Service.ClearFaultRules()
			return
		}
		rule := &simulator.FaultInjectionRule{ObjectType: "*", ObjectName: "*", Probability: 1, Enabled: true}
		if err := json.NewDecoder(r.Body).Decode(rule); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		model.Service.AddFaultRule(rule)
	})
	model.Service.HandleFunc("/x/lose", losses.serve)
	model.Service.HandleFunc("/x/calls", calls.serve)
	return iqns
}
