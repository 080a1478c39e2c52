package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// strictDisks is the manager of first-class disks with the refusals that the reference names and the simulator leaves out.
type strictDisks struct {
	*simulator.VcenterVStorageObjectManager
}

func (m *strictDisks) find(ds types.ManagedObjectReference, id types.ID) *simulator.VStorageObject {
	return m.Catalog()[ds][id]
}

func failedTask(ctx *simulator.Context, m *strictDisks, name string, fault types.BaseMethodFault) types.ManagedObjectReference {
	return simulator.CreateTask(m.VcenterVStorageObjectManager, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, fault
	}).Run(ctx)
}

// ExtendDiskTask refuses to make a disk smaller, and one with snapshots.
func (m *strictDisks) ExtendDiskTask(ctx *simulator.Context, r *types.ExtendDisk_Task) soap.HasFault {
	disk := m.find(r.Datastore, r.Id)
	var fault types.BaseMethodFault
	switch {
	case disk == nil:
		fault = &types.NotFound{}
	case r.NewCapacityInMB < disk.Config.CapacityInMB:
		fault = &types.InvalidArgument{InvalidProperty: "newCapacityInMB"}
	case len(disk.Snapshots) > 0:
		fault = &types.InvalidState{}
	default:
		return m.VcenterVStorageObjectManager.ExtendDiskTask(ctx, r)
	}
	return &methods.ExtendDisk_TaskBody{Res: &types.ExtendDisk_TaskResponse{Returnval: failedTask(ctx, m, "extendDisk", fault)}}
}

// DeleteVStorageObjectTask says of a disk that is gone that it is not found.
func (m *strictDisks) DeleteVStorageObjectTask(ctx *simulator.Context, r *types.DeleteVStorageObject_Task) soap.HasFault {
	disk := m.find(r.Datastore, r.Id)
	var fault types.BaseMethodFault
	switch {
	case disk == nil:
		fault = &types.NotFound{}
	case len(disk.Snapshots) > 0:
		fault = &types.InvalidState{}
	default:
		return m.VcenterVStorageObjectManager.DeleteVStorageObjectTask(ctx, r)
	}
	return &methods.DeleteVStorageObject_TaskBody{Res: &types.DeleteVStorageObject_TaskResponse{Returnval: failedTask(ctx, m, "deleteDisk", fault)}}
}

// strictMachine is a virtual machine that really gets a device with a disk, and refuses to get it twice.
type strictMachine struct {
	*simulator.VirtualMachine
}

func (vm *strictMachine) deviceOf(id types.ID) int {
	for at, device := range vm.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok && disk.VDiskId != nil && *disk.VDiskId == id {
			return at
		}
	}
	return -1
}

func diskByID(ctx *simulator.Context, id types.ID) *simulator.VStorageObject {
	for _, disks := range ctx.Map.VStorageObjectManager().Catalog() {
		if found := disks[id]; found != nil {
			return found
		}
	}
	return nil
}

func (vm *strictMachine) task(ctx *simulator.Context, name string, run func() types.BaseMethodFault) types.ManagedObjectReference {
	return simulator.CreateTask(vm.VirtualMachine, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, run()
	}).Run(ctx)
}

func (vm *strictMachine) AttachDiskTask(ctx *simulator.Context, r *types.AttachDisk_Task) soap.HasFault {
	ref := vm.task(ctx, "attachDisk", func() types.BaseMethodFault {
		disk := diskByID(ctx, r.DiskId)
		if disk == nil {
			return &types.NotFound{}
		}
		if len(disk.Config.ConsumerId) > 0 {
			return &types.InvalidState{}
		}
		if r.ControllerKey == 0 {
			return &types.MissingController{}
		}
		disk.Config.ConsumerId = []types.ID{{Id: vm.Config.Uuid}}
		key := int32(2000 + len(vm.Config.Hardware.Device))
		devices := append([]types.BaseVirtualDevice{}, vm.Config.Hardware.Device...)
		devices = append(devices, &types.VirtualDisk{
			VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: r.ControllerKey, UnitNumber: r.UnitNumber},
			CapacityInKB:  disk.Config.CapacityInMB * 1024, VDiskId: &types.ID{Id: r.DiskId.Id},
		})
		ctx.Update(vm.VirtualMachine, []types.PropertyChange{{Name: "config.hardware.device", Val: devices}})
		return nil
	})
	return &methods.AttachDisk_TaskBody{Res: &types.AttachDisk_TaskResponse{Returnval: ref}}
}

func (vm *strictMachine) DetachDiskTask(ctx *simulator.Context, r *types.DetachDisk_Task) soap.HasFault {
	ref := vm.task(ctx, "detachDisk", func() types.BaseMethodFault {
		at, disk := vm.deviceOf(r.DiskId), diskByID(ctx, r.DiskId)
		if at < 0 || disk == nil {
			return &types.NotFound{}
		}
		disk.Config.ConsumerId = nil
		devices := append([]types.BaseVirtualDevice{}, vm.Config.Hardware.Device...)
		devices = append(devices[:at], devices[at+1:]...)
		ctx.Update(vm.VirtualMachine, []types.PropertyChange{{Name: "config.hardware.device", Val: devices}})
		return nil
	})
	return &methods.DetachDisk_TaskBody{Res: &types.DetachDisk_TaskResponse{Returnval: ref}}
}
