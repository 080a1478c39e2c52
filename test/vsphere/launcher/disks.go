package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// strictDisks is the manager of first-class disks with the refusals that the reference names and the simulator leaves out.
type strictDisks struct {
	manager *simulator.VcenterVStorageObjectManager
}

// Reference is one of its own: the simulator's registry has the stock manager under the usual one, and insists on it.
func (m *strictDisks) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "StrictDisks", Value: "strict-" + m.manager.Self.Value}
}

func (m *strictDisks) find(ds types.ManagedObjectReference, id types.ID) *simulator.VStorageObject {
	return m.manager.Catalog()[ds][id]
}

func failedTask(ctx *simulator.Context, m *strictDisks, name string, fault types.BaseMethodFault) types.ManagedObjectReference {
	return simulator.CreateTask(m.manager, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
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
		return m.manager.ExtendDiskTask(ctx, r)
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
		return m.manager.DeleteVStorageObjectTask(ctx, r)
	}
	return &methods.DeleteVStorageObject_TaskBody{Res: &types.DeleteVStorageObject_TaskResponse{Returnval: failedTask(ctx, m, "deleteDisk", fault)}}
}

// strictMachine is a virtual machine that really gets a device with a disk, and refuses to get it twice.
type strictMachine struct {
	vm *simulator.VirtualMachine
}

// Reference is one of its own, as of the disks.
func (m *strictMachine) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "StrictMachine", Value: "strict-" + m.vm.Self.Value}
}

func (m *strictMachine) deviceOf(id types.ID) int {
	for at, device := range m.vm.Config.Hardware.Device {
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

func (m *strictMachine) task(ctx *simulator.Context, name string, run func() types.BaseMethodFault) types.ManagedObjectReference {
	return simulator.CreateTask(m.vm, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, run()
	}).Run(ctx)
}

func (m *strictMachine) AttachDiskTask(ctx *simulator.Context, r *types.AttachDisk_Task) soap.HasFault {
	ref := m.task(ctx, "attachDisk", func() types.BaseMethodFault {
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
		disk.Config.ConsumerId = []types.ID{{Id: m.vm.Config.Uuid}}
		key := int32(2000 + len(m.vm.Config.Hardware.Device))
		devices := append([]types.BaseVirtualDevice{}, m.vm.Config.Hardware.Device...)
		devices = append(devices, &types.VirtualDisk{
			VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: r.ControllerKey, UnitNumber: r.UnitNumber},
			CapacityInKB:  disk.Config.CapacityInMB * 1024, VDiskId: &types.ID{Id: r.DiskId.Id},
		})
		ctx.WithLock(m.vm, func() { m.vm.Config.Hardware.Device = devices })
		return nil
	})
	return &methods.AttachDisk_TaskBody{Res: &types.AttachDisk_TaskResponse{Returnval: ref}}
}

func (m *strictMachine) DetachDiskTask(ctx *simulator.Context, r *types.DetachDisk_Task) soap.HasFault {
	ref := m.task(ctx, "detachDisk", func() types.BaseMethodFault {
		at, disk := m.deviceOf(r.DiskId), diskByID(ctx, r.DiskId)
		if at < 0 || disk == nil {
			return &types.NotFound{}
		}
		disk.Config.ConsumerId = nil
		devices := append([]types.BaseVirtualDevice{}, m.vm.Config.Hardware.Device...)
		devices = append(devices[:at], devices[at+1:]...)
		ctx.WithLock(m.vm, func() { m.vm.Config.Hardware.Device = devices })
		return nil
	})
	return &methods.DetachDisk_TaskBody{Res: &types.DetachDisk_TaskResponse{Returnval: ref}}
}
